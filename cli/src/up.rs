//! `prpc up`: a manifest on one machine. A Redis server, the workers, and a view of them; Ctrl-C ends it in order.
//!
//! Nothing survives this process: workers and server hold one end of a pipe and end when its other end is gone.

mod backoff;
mod crew;
mod log_line;
mod looks;
mod status;
mod view;
mod worker;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prpc_api::Manifest;
use prpc_broker::{Backlog, Broker as _, Url};
use prpc_contract::settings::Settings;
use prpc_scaling::{Decision, follow};
use prpc_service::shutdown;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::connect::Place;
use crate::failure::{Exit, Failure};
use crate::local_queue::{self, Listed, LocalQueue};
use crate::local_redis::LocalRedis;
use crew::Crew;
use looks::Looks;
use view::View;
use worker::Line;

const REFRESH: Duration = Duration::from_millis(250);

/// A queue on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The manifest
    #[arg(short, long, value_name = "FILE", default_value = "prpcqueue.yaml")]
    file: PathBuf,
    /// Address of a broker that runs, or `manifest` for the manifest's own [default: a Redis server for this run only, or the
    /// manifest's own Kafka]
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
    // There is no Kafka that could be started for a run: a manifest that names one means that one.
    let kafka = settings.broker.as_deref() == Some("kafka");
    let named = arguments.broker.as_deref().or(kafka.then_some("manifest"));
    match named {
        Some("manifest") if settings.broker_url.is_none() => {
            return Err(Failure::new(
                Exit::Usage,
                "the address of the broker is in a Secret, which only a cluster can read",
            )
            .place("spec.broker")
            .fix("give the address: prpc up --broker redis://… or host:9092"));
        }
        Some("manifest") => {}
        Some(url) => settings.broker_url = Some(url.to_owned()),
        None => {
            let started = LocalRedis::start(arguments.port).await?;
            settings.broker_url = Some(started.url.clone());
            redis = Some(started);
        }
    }
    if named != Some("manifest") {
        let redis = settings.broker_url.as_deref().is_some_and(|url| url.contains("://"));
        settings.broker = Some(if redis { "redis" } else { "kafka" }.into());
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

fn read(file: &PathBuf) -> Result<Manifest, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Usage, format!("the manifest cannot be read: {error}"))
            .place(shown.to_string())
            .fix("name another: prpc up -f FILE")
    })?;
    Manifest::from_yaml(&text).map_err(|invalid| {
        let line = invalid.line.map_or_else(String::new, |line| format!(":{line}"));
        let path = if invalid.path.is_empty() { String::new() } else { format!(" ({})", invalid.path) };
        Failure::new(Exit::Usage, invalid.what)
            .place(format!("{shown}{line}{path}"))
            .fix("correct the manifest")
    })
}

/// Runs the workers until `stop`, or until something that cannot be mended happens.
async fn serve(
    manifest: &Manifest,
    settings: Settings,
    python_path: OsString,
    redis: Option<&mut LocalRedis>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let url = Url::new(settings.broker_url.clone().unwrap_or_default());
    let place = Place::new(settings.queue.as_deref(), url, settings.group.clone(), settings.kafka.clone())?;
    let broker = place.broker()?;
    broker.prepare().await.map_err(|error| place.failure(&error))?;
    let _listed = list(&place)?;

    let policy = manifest
        .spec
        .scaling
        .policy(settings.concurrency)
        .map_err(|error| Failure::new(Exit::Usage, error.what).place(error.path))?;
    let mut view = View::new(&place, redis.is_some());
    let (lines, incoming) = mpsc::channel(1024);
    let ending = stop.child_token();
    let mut crew = Crew::new(settings, python_path, lines, ending.clone());
    // One is started even if none is needed: a program that cannot be imported is told at once.
    crew.scale(policy.bounds.min().max(1));
    let (backlog, seen_backlog) = watch::channel(None);
    let (show_crew, seen_crew) = watch::channel(Vec::new());
    let (decisions, decided) = mpsc::unbounded_channel();
    let local = Local { replicas: crew.wanted(), decisions };
    let (_keep, policies) = watch::channel(policy);
    let looks = Looks::new(broker, backlog, seen_crew);
    tokio::spawn(follow(policies, REFRESH, looks, local, ending.clone()));
    let fleet = Fleet { crew, show_crew, backlog: seen_backlog, lines: incoming, decided };
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

/// The workers, as the loop that scales sees them.
struct Local {
    replicas: u32,
    decisions: mpsc::UnboundedSender<Decision>,
}

impl prpc_scaling::Fleet for Local {
    fn replicas(&self) -> u32 {
        self.replicas
    }

    fn apply(&mut self, decision: &Decision) {
        if decision.is_change() {
            self.replicas = decision.replicas;
            // Whoever receives them may be ending.
            let _ = self.decisions.send(decision.clone());
        }
    }
}

/// What is looked after while the queue runs.
struct Fleet {
    crew: Crew,
    show_crew: watch::Sender<looks::Crew>,
    backlog: watch::Receiver<Option<Backlog>>,
    lines: mpsc::Receiver<Line>,
    decided: mpsc::UnboundedReceiver<Decision>,
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
                Some(decision) = self.decided.recv(), if !ending.is_cancelled() => {
                    view.say(&format!("scaled from {} to {}: {decision}", decision.from, decision.replicas));
                    self.crew.scale(decision.replicas);
                }
                ended = self.crew.ended(), if !self.crew.is_empty() => {
                    if ended.is_err() {
                        ending.cancel();
                    }
                    done = done.and(ended);
                }
                failure = &mut redis_ended, if !ending.is_cancelled() => {
                    ending.cancel();
                    done = done.and(Err(failure));
                }
                () = ending.cancelled(), if !told => {
                    told = true;
                    view.say("ending: started calls are finished; Ctrl-C again ends at once");
                }
                _ = refresh.tick() => {
                    let backlog = *self.backlog.borrow();
                    let seen = self.crew.seen();
                    view.draw(&seen, self.crew.wanted(), backlog);
                    self.show_crew.send_replace(seen);
                }
            }
            if ending.is_cancelled() && told && self.crew.is_empty() {
                break;
            }
        }
        while let Ok(line) = self.lines.try_recv() {
            view.print(&line);
        }
        view.close();
        done
    }
}
