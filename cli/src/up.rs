//! `prpc up`: a manifest on one machine. A Redis server, the workers, and a view of them; Ctrl-C ends it in order.
//!
//! Nothing survives this process: workers and server hold one end of a pipe and end when its other end is gone.

mod backoff;
mod log_line;
mod status;
mod view;
mod worker;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prpc_api::PrpcQueue;
use prpc_broker::{Backlog, Broker as _, RedisBroker, Url};
use prpc_contract::settings::Settings;
use prpc_service::shutdown;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connect::Place;
use crate::failure::{Exit, Failure};
use crate::local_queue::{self, Listed, LocalQueue};
use crate::local_redis::LocalRedis;
use view::View;
use worker::{Line, Seen, Worker};

const REFRESH: Duration = Duration::from_millis(250);

/// A queue on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The manifest
    #[arg(short, long, value_name = "FILE", default_value = "prpcqueue.yaml")]
    file: PathBuf,
    /// Address of a broker that runs, or `manifest` for the manifest's own [default: a Redis server for this run only]
    #[arg(long, value_name = "URL|manifest")]
    broker: Option<String>,
    /// Port of the Redis server; a free one if 0
    #[arg(long, env = "PRPC_LOCAL_REDIS_PORT", default_value_t = 0, conflicts_with = "broker")]
    port: u16,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let manifest = read(&arguments.file)?;
    let stop = shutdown::on_signal()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let mut settings = manifest.settings();
    let mut redis = None;
    match arguments.broker.as_deref() {
        Some("manifest") => {}
        Some(url) => settings.broker_url = Some(url.to_owned()),
        None => {
            let started = LocalRedis::start(arguments.port).await?;
            settings.broker_url = Some(started.url.clone());
            redis = Some(started);
        }
    }
    if arguments.broker.as_deref() != Some("manifest") {
        settings.broker = Some("redis".into());
    }
    let done = serve(&manifest, settings, python_path(&arguments.file)?, redis.as_mut(), &stop).await;
    if let Some(redis) = redis {
        redis.stop().await;
    }
    done
}

/// PYTHONPATH with the manifest's folder at its end.
fn python_path(manifest: &Path) -> Result<OsString, Failure> {
    let failed = |error: &dyn Display| {
        Failure::new(
            Exit::Usage,
            format!("the folder of the manifest cannot be a place of Python modules: {error}"),
        )
        .place(manifest.display().to_string())
    };
    let folder = std::path::absolute(manifest).map_err(|error| failed(&error))?;
    let known = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let folders = std::env::split_paths(&known).chain(folder.parent().map(Path::to_owned));
    std::env::join_paths(folders.filter(|folder| !folder.as_os_str().is_empty()))
        .map_err(|error| failed(&error))
}

fn read(file: &PathBuf) -> Result<PrpcQueue, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Usage, format!("the manifest cannot be read: {error}"))
            .place(shown.to_string())
            .fix("name another: prpc up -f FILE")
    })?;
    PrpcQueue::from_yaml(&text).map_err(|invalid| {
        let line = invalid.line.map_or_else(String::new, |line| format!(":{line}"));
        let path = if invalid.path.is_empty() { String::new() } else { format!(" ({})", invalid.path) };
        Failure::new(Exit::Usage, invalid.what)
            .place(format!("{shown}{line}{path}"))
            .fix("correct the manifest")
    })
}

/// Runs the workers until `stop`, or until something that cannot be mended happens.
async fn serve(
    manifest: &PrpcQueue,
    settings: Settings,
    python_path: OsString,
    redis: Option<&mut LocalRedis>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let url = Url::new(settings.broker_url.clone().unwrap_or_default());
    let place = Place::new(settings.queue.as_deref(), url, None)?;
    if settings.broker.as_deref() == Some("kafka") {
        return Err(Failure::new(Exit::Usage, "Kafka is not supported yet")
            .place("spec.broker.kafka")
            .fix("leave --broker away to use a Redis server for this run"));
    }
    let broker = place.broker()?;
    broker.prepare().await.map_err(|error| place.failure(&error))?;
    let _listed = list(&place)?;

    let mut view = View::new(&place, redis.is_some());
    let (lines, incoming) = mpsc::channel(1024);
    let ending = stop.child_token();
    let mut workers = JoinSet::new();
    let mut seen = Vec::new();
    for number in 1..=manifest.spec.scaling.min_replicas.max(1) {
        let (show, shown) = watch::channel(Seen::default());
        seen.push(shown);
        let worker = Worker {
            number,
            settings: settings.clone(),
            python_path: python_path.clone(),
            show,
            lines: lines.clone(),
        };
        workers.spawn(worker.keep(ending.clone()));
    }
    drop(lines);
    let backlog = view.is_live().then(|| measure(broker));
    let fleet = Fleet { workers, seen, backlog, lines: incoming };
    fleet.watch(&mut view, redis, &ending).await
}

fn list(place: &Place) -> Result<Listed, Failure> {
    let local = LocalQueue { queue: place.queue.to_string(), url: place.url.secret().to_owned() };
    let folder = local_queue::folder();
    local.list(&folder).map_err(|error| {
        let failure = match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::new(Exit::Usage, format!("the queue {} runs on this machine already", place.queue))
                    .fix("end the other `prpc up`, or give this queue another name: spec.queueName")
            }
            _ => {
                Failure::new(Exit::Failed, format!("the queue cannot be listed for other commands: {error}"))
                    .fix("set XDG_RUNTIME_DIR to a folder of yours")
            }
        };
        failure.place(folder.display().to_string())
    })
}

/// Looks at the queue again and again.
fn measure(broker: RedisBroker) -> watch::Receiver<Option<Backlog>> {
    let (show, shown) = watch::channel(None);
    tokio::spawn(async move {
        while show.send(broker.measure().await.ok()).is_ok() {
            tokio::time::sleep(REFRESH).await;
        }
    });
    shown
}

/// What is looked after while the queue runs.
struct Fleet {
    workers: JoinSet<Result<(), Failure>>,
    seen: Vec<watch::Receiver<Seen>>,
    backlog: Option<watch::Receiver<Option<Backlog>>>,
    lines: mpsc::Receiver<Line>,
}

impl Fleet {
    /// Shows what happens until all workers are gone; the first failure ends the others.
    async fn watch(
        mut self,
        view: &mut View,
        redis: Option<&mut LocalRedis>,
        ending: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut done = Ok(());
        let mut refresh = tokio::time::interval(REFRESH);
        let mut told = false;
        let redis_ended = async {
            match redis {
                Some(redis) => redis.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(redis_ended);
        loop {
            tokio::select! {
                Some(line) = self.lines.recv() => view.print(&line),
                ended = self.workers.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(failure))) => {
                        ending.cancel();
                        done = done.and(Err(failure));
                    }
                    Some(Err(error)) => {
                        ending.cancel();
                        done = done.and(Err(Failure::new(Exit::Failed, format!("a worker's supervision failed: {error}"))));
                    }
                },
                failure = &mut redis_ended, if !ending.is_cancelled() => {
                    ending.cancel();
                    done = done.and(Err(failure));
                }
                () = ending.cancelled(), if !told => {
                    told = true;
                    view.say("ending: started calls are finished; Ctrl-C again ends at once");
                }
                _ = refresh.tick() => {
                    let backlog = self.backlog.as_ref().and_then(|backlog| *backlog.borrow());
                    view.draw(&self.seen.iter().map(|seen| *seen.borrow()).collect::<Vec<_>>(), backlog);
                }
            }
        }
        while let Ok(line) = self.lines.try_recv() {
            view.print(&line);
        }
        view.close();
        done
    }
}
