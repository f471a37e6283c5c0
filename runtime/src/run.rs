//! Puts the parts together, and takes them apart in order.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use prpc_broker::{AnyBroker, Broker, Consumer, Holder as _};
use prpc_contract::settings::Settings;
use prpc_contract::status::FunctionStatus;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::answers;
use crate::config::{Config, Unusable};
use crate::dispatch::{Dispatcher, Policy, Tools};
use crate::exits::Exits;
use crate::intake::{self, Admission};
use crate::keep;
use crate::load::Load;
use crate::metrics::Metrics;
use crate::pages::{self, Pages};
use crate::pool::WorkerType;
use crate::program::Program;
use crate::state::State;
use crate::template::{Launch, StartError, Template};

/// Why a runtime could not start or go on. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nothing to run.
    #[error("no program to run: name it as `module:attribute` or the path of a script, or set PRPC_APP")]
    NoApp,
    /// Settings.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The program.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The broker refuses for good.
    #[error(transparent)]
    Broker(#[from] prpc_broker::Error),
    /// The pages.
    #[error("cannot serve pages at {address}: {source}; set PRPC_PAGES_ADDRESS to a free address")]
    Pages {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system.
    #[error("the system refuses what a runtime needs: {0}")]
    System(#[from] io::Error),
}

/// Runs a program on a queue until `stop` is cancelled and every call has its ending.
///
/// `settings` are what the command line and the environment say; the program's constructor fills what they leave open.
///
/// # Errors
/// When the program cannot be loaded (nothing was taken from the queue then), or the broker refuses for good.
pub async fn run(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    let app = settings.app.clone().ok_or(RunError::NoApp)?;
    let exits = Exits::watch()?;
    let launch = Launch { python: python(), app, worker: settings.worker.clone() };
    let (template, program) = tokio::select! {
        started = Template::start(launch) => started?,
        () = stop.cancelled() => return Ok(()),
    };
    let config = Config::decide(&settings.or(&program.constructor))?;
    let broker = AnyBroker::new(config.broker.clone()).map_err(Unusable::from)?;
    tracing::info!(
        queue = %config.queue, broker = %config.broker.url(), instance = config.instance,
        functions = program.functions.len(), worker = config.worker.name(), concurrency = config.concurrency, "starting"
    );
    serve(config, program, Arc::new(template), broker, exits, stop).await
}

async fn serve<B: Broker>(
    config: Config,
    program: Program,
    template: Arc<Template>,
    broker: B,
    exits: Exits,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let workers: Vec<WorkerType> =
        program.functions.iter().map(|function| function.worker.unwrap_or(config.worker)).collect();
    let metrics = Arc::new(Metrics::new(program.functions.iter().map(|function| function.name.as_str())));
    metrics.slots.set(config.concurrency.into());
    let state = Arc::new(State::default());
    let load = Arc::new(Load::new(config.concurrency));
    serve_pages(&config, &program, &workers, broker.clone(), &metrics, &state).await?;

    let consumer = tokio::select! {
        consumer = broker.consumer(&config.instance) => consumer?,
        () = stop.cancelled() => return Ok(()),
    };
    let holder = consumer.holder();
    let (events, incoming) = mpsc::unbounded_channel();
    let (endings, outgoing) = mpsc::unbounded_channel();
    let admission = Admission::new(
        &program,
        config.max_attempts,
        events.clone(),
        endings.clone(),
        Arc::clone(&load),
        Arc::clone(&metrics),
    );
    let policy = Policy {
        concurrency: config.concurrency,
        timeout: config.timeout,
        max_attempts: config.max_attempts,
        recycling: config.recycling,
        grace: config.grace,
    };
    let tools = Tools {
        template: Arc::clone(&template),
        exits,
        events: events.clone(),
        endings,
        load: Arc::clone(&load),
        metrics,
        state,
    };
    let drain = CancellationToken::new();
    let dispatching = tokio::spawn(Dispatcher::new(policy, tools, workers).run(incoming, drain.clone()));
    let answering = tokio::spawn(answers::run(holder.clone(), outgoing, Arc::clone(&load), broker.clone()));
    let beating = tokio::spawn(keep::heartbeat(holder.clone(), config.heartbeat, events.clone()));
    let giving_way = tokio::spawn(keep::give_way(holder.clone(), events));
    // A broker's refusal ends the whole runtime in order, as a signal does.
    let ending = stop.child_token();
    let reclaiming = tokio::spawn(keep::reclaim(holder.clone(), admission.clone(), load, ending.clone()));

    let taken = intake::run(consumer, admission, ending.clone()).await;
    ending.cancel();
    joined(reclaiming.await)?;
    drain.cancel();
    joined(dispatching.await)?;
    template.end().await;
    beating.abort();
    giving_way.abort();
    joined(answering.await)?;
    holder.leave().await;
    tracing::info!("ended: every call that was taken is answered or handed back");
    Ok(taken?)
}

async fn serve_pages<B: Broker>(
    config: &Config,
    program: &Program,
    workers: &[WorkerType],
    broker: B,
    metrics: &Arc<Metrics>,
    state: &Arc<State>,
) -> Result<(), RunError> {
    let Some(address) = config.pages else { return Ok(()) };
    let failed = |source| RunError::Pages { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    tracing::info!(address = %listener.local_addr().map_err(failed)?, "serving pages");
    let functions = program.functions.iter().zip(workers).map(|(function, worker)| FunctionStatus {
        name: function.name.clone(),
        worker: worker.name().to_owned(),
    });
    let routes = pages::routes(Pages {
        broker,
        metrics: Arc::clone(metrics),
        state: Arc::clone(state),
        instance: config.instance.clone(),
        queue: config.queue.to_string(),
        slots: config.concurrency,
        functions: functions.collect(),
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the pages are not served any more");
        }
    });
    Ok(())
}

fn joined(result: Result<(), tokio::task::JoinError>) -> io::Result<()> {
    result.map_err(io::Error::other)
}

/// `PRPC_PYTHON`; else the interpreter beside this program, as in a virtual environment; else the one on PATH.
fn python() -> OsString {
    if let Some(python) = std::env::var_os("PRPC_PYTHON").filter(|python| !python.is_empty()) {
        return python;
    }
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("python3")));
    beside.filter(|python| python.exists()).map_or_else(|| "python3".into(), Into::into)
}
