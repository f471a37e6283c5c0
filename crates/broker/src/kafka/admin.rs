//! The administration of the queue: its topics, and how much work there is.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use prpc_contract::message::Family;
use prpc_kafka_admin::{Admin, Error as AdminError, Sample, Sampler, Wanted, Watched};
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};

use super::client::{self, Context, REQUEST_TIMEOUT};
use super::{Shared, token};
use crate::error::{Error, Result};
use crate::types::Backlog;

/// The client for it, made when it is first needed.
#[derive(Default)]
pub(super) struct Administration(tokio::sync::Mutex<Option<Sampler>>);

impl Administration {
    async fn admin(&self, shared: &Shared) -> Result<Admin> {
        Ok(self.open(shared, &mut *self.0.lock().await)?.admin().clone())
    }

    fn open<'a>(&self, shared: &Shared, slot: &'a mut Option<Sampler>) -> Result<&'a mut Sampler> {
        if let Some(sampler) = slot {
            return Ok(sampler);
        }
        let token = shared.config.security.token_file().map(|path| token::read(path)).transpose();
        let token = token.map_err(|error| Error::Security(error.to_string()))?;
        Ok(slot.insert(Sampler::new(&client::base(&shared.config), token, &shared.config.group)?))
    }

    /// After a login that was refused: the token may have changed.
    async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// Prepares the queue; tries for some seconds, as what was just made is not known to all brokers at once.
pub(super) async fn prepare(shared: &Shared) -> Result<()> {
    let brief = pauses().with_max_times(6).with_total_delay(Some(Duration::from_secs(5)));
    (|| prepare_once(shared)).retry(brief).when(Error::is_transient).await
}

/// Prepares the queue; while the brokers are away, tries until they are there.
pub(super) async fn until_prepared(shared: &Shared) -> Result<()> {
    let tell =
        |error: &Error, _: Duration| tracing::warn!(%error, "the queue cannot be prepared; trying again");
    (|| prepare_once(shared)).retry(pauses().without_max_times()).when(Error::is_transient).notify(tell).await
}

fn pauses() -> ExponentialBuilder {
    let (first, longest) = (Duration::from_millis(200), Duration::from_secs(5));
    ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_jitter()
}

/// Makes the topics that are missing and adds partitions where there are too few.
async fn prepare_once(shared: &Shared) -> Result<()> {
    let config = &shared.config;
    let wanted = Wanted {
        names: config.names.clone(),
        group: config.group.clone(),
        partitions: config.partitions.get(),
        feedback_partitions: config.feedback_partitions.get(),
        replication: Some(config.replication_factor.get()),
    };
    let admin = shared.administration.admin(shared).await?;
    match admin.prepare(&wanted).await {
        Ok(prepared) => {
            if !prepared.created.is_empty() || !prepared.grown.is_empty() {
                let (created, grown) = (prepared.created.join(" "), prepared.grown.join(" "));
                tracing::info!(created, more_partitions = grown, "topics were prepared");
            }
            if let Some(error) = prepared.short {
                tracing::warn!(%error, "a topic has fewer partitions than it should");
            }
        }
        Err(error @ AdminError::Authentication(_)) => {
            shared.administration.forget().await;
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    }
    shared.health.up();
    learn_limit(shared).await;
    Ok(())
}

/// How large a reply may be; Kafka's default, if that may not be known.
async fn learn_limit(shared: &Shared) {
    let context = Context::new(&shared.config, std::sync::Arc::clone(&shared.health));
    let Ok(admin) = client::base(&shared.config).create_with_context::<_, AdminClient<Context>>(context)
    else {
        return;
    };
    let names = &shared.config.names;
    let asked = Family::ALL.map(|family| ResourceSpecifier::Topic(names.feedback(family)));
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let Ok(described) = admin.describe_configs(&asked, &options).await else { return };
    let limits = described.iter().flatten().filter_map(|resource| {
        let text = resource.get("max.message.bytes")?.value.as_deref()?;
        text.parse::<usize>().ok()
    });
    if let Some(least) = limits.min() {
        shared.largest_message.store(least, Ordering::Relaxed);
    }
}

/// Removes the topics of the queue with all that is in them, and its group.
pub(super) async fn purge(shared: &Shared) -> Result<()> {
    let admin = shared.administration.admin(shared).await?;
    let names = &shared.config.names;
    let topics = [&names.native, &names.raw, &names.feedback_native, &names.feedback_raw, &names.dead]
        .map(Clone::clone);
    for outcome in admin.delete_topics(&topics).await?.into_values() {
        outcome?;
    }
    admin.delete_group(&shared.config.group).await?;
    Ok(())
}

/// The sum over all partitions. Kafka does not tell which calls have been taken, so all of them count as undelivered.
pub(super) async fn measure(shared: &Shared) -> Result<Backlog> {
    let config = &shared.config;
    let watched = Watched { names: config.names.clone(), group: config.group.clone() };
    let sample = {
        let mut slot = shared.administration.0.lock().await;
        let sampler = shared.administration.open(shared, &mut slot)?;
        sampler.sample(&[watched], Instant::now()).await.pop()
    };
    match sample.unwrap_or_else(|| Err(AdminError::Unreachable("nothing was said".into()))) {
        Ok(sample) => {
            shared.health.up();
            Ok(backlog(&sample))
        }
        Err(error) => {
            if matches!(error, AdminError::Authentication(_)) {
                shared.administration.forget().await;
            }
            Err(error.into())
        }
    }
}

fn backlog(sample: &Sample) -> Backlog {
    Backlog {
        undelivered: sample.waiting,
        in_flight: 0,
        oldest_age: sample.oldest_age,
        dead_letters: sample.dead_letters,
        arrived: Some(sample.arrived),
    }
}

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        let text = error.to_string();
        match error {
            AdminError::Config(_) => Self::Security(text),
            AdminError::Unreachable(_) => Self::Connection(text),
            AdminError::NoTopic(_) => Self::NotPrepared(text),
            _ => Self::Refused(text),
        }
    }
}
