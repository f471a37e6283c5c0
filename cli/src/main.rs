//! The `prpc` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    prpc_cli::run(std::env::args_os())
}
