//! `prpc run`: one worker in the foreground, as a pod runs it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use prpc_contract::settings::Settings;
use prpc_runtime::RunError;
use prpc_service::{logging, shutdown};
use tokio_util::sync::CancellationToken;

use crate::arguments::duration;
use crate::failure::{Exit, Failure};

/// One worker. What the flags leave open comes from the environment, then from the program's AppServer, then from defaults.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program: module:attribute, or the path of a script [env: PRPC_APP]
    app: Option<String>,
    /// The program is a module to be run as `python -m` runs it
    #[arg(long, requires = "app")]
    module: bool,
    /// Address of the broker, such as redis://host:6379/0 [env: PRPC_URL_BROKER]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Name of the queue [env: PRPC_QUEUE_NAME]
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Consumer group [env: PRPC_GROUP_NAME]
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Worker type of functions that name none [env: PRPC_WORKER_TYPE]
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(["thread", "process", "async"]))]
    worker: Option<String>,
    /// Calls at a time [env: PRPC_CONCURRENCY]
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// Time limit of a call, such as 30s or 5m [env: PRPC_TIMEOUT_SEC, in seconds]
    #[arg(long, value_parser = duration)]
    timeout: Option<Duration>,
    /// Where /live, /ready, /startup, /metrics and /status are served [env: PRPC_PAGES_ADDRESS]
    #[arg(long, value_name = "ADDRESS")]
    pages: Option<SocketAddr>,
    /// End when standard input ends, as when the process that holds its other end is gone
    #[arg(long, hide = true)]
    end_with_stdin: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    logging::start();
    let environment = Settings::from_env(|name| std::env::var(name).ok())
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()).place("environment"))?;
    let end_with_stdin = arguments.end_with_stdin;
    let settings = arguments.settings().or(&environment);
    let app = settings.app.clone().unwrap_or_default();
    // One thread: see ARCHITECTURE.md.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| system(&error))?;
    runtime
        .block_on(async {
            let stop = shutdown::on_signal()?;
            if end_with_stdin {
                stop_with_stdin(stop.clone());
            }
            prpc_runtime::run(settings, stop).await
        })
        .map_err(|error| failure(&error, &app))
}

impl Arguments {
    fn settings(self) -> Settings {
        Settings {
            app: self.app.map(|app| if self.module { format!("-m {app}") } else { app }),
            broker_url: self.broker,
            queue: self.queue,
            group: self.group,
            worker: self.worker,
            concurrency: self.concurrency,
            timeout: self.timeout,
            pages: self.pages,
            ..Settings::default()
        }
    }
}

/// Cancels `stop` at the end of standard input. On a thread of its own, which nothing waits for: a read cannot be interrupted.
pub(crate) fn stop_with_stdin(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut ignored = [0; 256];
        while stdin.read(&mut ignored).is_ok_and(|count| count > 0) {}
        stop.cancel();
    });
}

/// The exit code says who must act.
fn failure(error: &RunError, app: &str) -> Failure {
    let exit = match error {
        RunError::NoApp | RunError::Unusable(_) => Exit::Usage,
        RunError::Broker(_) => Exit::Broker,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, error.to_string());
    if app.is_empty() { failure } else { failure.place(app) }
}

fn system(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot start: {error}")).fix("free memory or file descriptors")
}
