//! The operator as a program.

use std::process::ExitCode;

use clap::Parser as _;
use prpc_operator::{Arguments, Command};
use prpc_service::logging;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Probe { url }) => prpc_operator::probe(&url),
        Some(Command::Ping) => prpc_operator::ping(),
        None => {
            logging::start();
            prpc_operator::run(arguments.options)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
