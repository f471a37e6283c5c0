//! The `prpc` command: what it understands, and which module does it. One module per command.
//!
//! Results go to standard output, everything else to standard error.

mod arguments;
mod call;
mod connect;
mod dead;
mod described;
mod failure;
mod functions;
mod listing;
mod local_queue;
mod local_redis;
mod message;
mod queue;
mod run;
mod stubs;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command, Dead, Message};
use crate::failure::{Exit, Failure};

/// Does what the arguments say and reports failures on standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Printing fails only if nobody listens any more.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match perform(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit.into()
        }
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Up(arguments) => soon(up::run(arguments)),
        Command::LocalRedis(arguments) => soon(local_redis::run(arguments)),
        Command::Call(arguments) => soon(call::run(arguments)),
        Command::Functions(arguments) => soon(functions::run(arguments)),
        Command::Stubs(arguments) => soon(stubs::run(arguments)),
        Command::Queue(arguments) => soon(queue::run(arguments)),
        Command::Dead(Dead::List(arguments)) => soon(dead::list(arguments)),
        Command::Dead(Dead::Show(arguments)) => soon(dead::show(arguments)),
        Command::Dead(Dead::Retry(arguments)) => soon(dead::retry(arguments)),
        Command::Dead(Dead::Drop(arguments)) => soon(dead::drop(arguments)),
        Command::Message(Message::Decode(arguments)) => message::decode(&arguments),
        Command::Message(Message::Check(arguments)) => message::check(&arguments),
    }
}

/// Runs a command that waits for the network more than it computes.
fn soon(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot start: {error}")).fix("free memory or file descriptors")
    })?;
    let done = runtime.block_on(command);
    // What still runs in the background is of no use to a command that is over.
    runtime.shutdown_background();
    done
}
