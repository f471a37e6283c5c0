//! The command line: every command with its arguments.

use std::time::Duration;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Parser, Subcommand};

use crate::{call, dead, functions, local_redis, message, queue, run, stubs, up};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default())
    .usage(AnsiColor::Yellow.on_default())
    .literal(AnsiColor::Green.on_default());

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the function or the input failed, 2 wrong usage, 3 the broker failed, 5 no answer in time.

Without --broker and PRPC_URL_BROKER, commands that talk to a queue use the one that `prpc up` runs on this machine.";

/// Call Python functions over Redis, and run them.
#[derive(Debug, Parser)]
#[command(name = "prpc", version, after_help = EXIT_CODES, styles = STYLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a queue on this machine: a Redis server, workers and a view of them.
    Up(up::Arguments),
    /// Run one worker: take calls from a queue, run the functions, answer.
    Run(run::Arguments),
    /// Call a function and print what it returns.
    Call(call::Arguments),
    /// List the functions of a queue.
    Functions(functions::Arguments),
    /// Write Python stubs for the functions of a queue.
    Stubs(stubs::Arguments),
    /// Show how much work there is.
    Queue(queue::Arguments),
    /// Look after calls that were given up.
    #[command(subcommand)]
    Dead(Dead),
    /// Look into messages.
    #[command(subcommand)]
    Message(Message),
    /// A Redis server that lives as long as whoever started it.
    #[command(hide = true)]
    LocalRedis(local_redis::Arguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dead {
    /// List dead letters, newest first.
    List(dead::ListArguments),
    /// Show one dead letter with its message.
    Show(dead::OneArguments),
    /// Send a dead letter to its queue again.
    Retry(dead::OneArguments),
    /// Remove a dead letter.
    Drop(dead::OneArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Message {
    /// Print what a message stands for.
    Decode(message::DecodeArguments),
    /// Check this program against files of test vectors.
    Check(message::CheckArguments),
}

/// Reads `30s`, `1m30s` or `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(prpc_api::Span::duration).map_err(|expected| format!("write {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn negative_numbers_are_arguments_of_a_call_not_flags() {
        let arguments =
            Arguments::try_parse_from(["prpc", "call", "sum", "-2", "--kw", "z=-3", "-0.5"]).unwrap();
        let Command::Call(call) = arguments.command else { panic!("{arguments:?}") };
        assert_eq!(call.args, ["-2", "-0.5"]);
    }
}
