//! The thread that is a member of the group: it reads, commits, and hands partitions over.
//!
//! There is one for each family of requests: the group shares out the partitions of all topics that a member reads as one heap, and
//! could give all of one topic to one worker and all of the other to another.
//!
//! librdkafka calls back from within `poll`, on the thread that polls, and closing a consumer blocks: so a thread of its
//! own. It polls at least once a second whatever the calls do, but for a partition that is handed over, so no call is too long for
//! the group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prpc_contract::message::Family;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;
use super::assigned::{Assigned, Phase, Stall};
use super::client::{self, Context, REQUEST_TIMEOUT};
use super::note::Note;
use super::partition::Point;
use super::reading::Reading;
use crate::error::{Error, Result};

const POLL: Duration = Duration::from_millis(100);
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// Pausing throws away what was fetched, so reading is only held up at first.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// A group that is being balanced is left when that is done.
const LEAVE: Duration = Duration::from_secs(12);
/// Requests that are handed over in one step.
const BATCH: usize = 512;

/// The member of the group.
pub(super) struct Member {
    family: Family,
    consumer: BaseConsumer<MemberContext>,
    shared: Arc<Shared>,
    assigned: Arc<Assigned>,
    last_commit: Instant,
    full_since: Option<Instant>,
    paused: bool,
    reading: Reading,
}

/// Its callbacks.
pub(super) struct MemberContext {
    family: Family,
    common: Context,
    shared: Arc<Shared>,
    assigned: Arc<Assigned>,
    /// Whether this consumer was in no group when librdkafka last said how it stands, and how many times it has.
    is_outside: AtomicBool,
    looks: AtomicU64,
}

impl Member {
    /// Makes the consumer; it joins its group when the thread runs.
    pub(super) fn new(
        shared: Arc<Shared>,
        assigned: Arc<Assigned>,
        family: Family,
        name: &str,
    ) -> Result<Self> {
        let names = &shared.config.names;
        let mut config = client::base(&shared.config);
        config
            .set("client.id", format!("{name}-{family}"))
            .set("statistics.interval.ms", "300")
            .set("group.id", &shared.config.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "30000")
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", "600000")
            .set("queued.min.messages", "2000")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.wait.max.ms", "500")
            .set("fetch.min.bytes", "1")
            .set("isolation.level", "read_committed")
            .set("topic.metadata.refresh.interval.ms", "30000");
        let context = MemberContext {
            family,
            common: Context::new(&shared.config, Arc::clone(&shared.health)),
            shared: Arc::clone(&shared),
            assigned: Arc::clone(&assigned),
            is_outside: AtomicBool::new(true),
            looks: AtomicU64::default(),
        };
        let consumer: BaseConsumer<MemberContext> =
            config.create_with_context(context).map_err(|error| client::error(&error))?;
        consumer.subscribe(&[names.requests(family)]).map_err(|error| client::error(&error))?;
        let last_commit = Instant::now();
        Ok(Self {
            family,
            consumer,
            shared,
            assigned,
            last_commit,
            full_since: None,
            paused: false,
            reading: Reading::default(),
        })
    }

    /// Until the consumer is to leave. Blocks its thread.
    pub(super) fn run(mut self) {
        loop {
            match self.assigned.phase() {
                Phase::Taking => self.step(),
                Phase::Finishing if self.assigned.is_busy() => self.finish_step(),
                _ => break,
            }
        }
        self.assigned.drop_waiting();
        // The last commits were not waited for: one that was refused would be taken for told.
        self.assigned.doubt(self.family);
        self.commit(CommitMode::Sync, true);
        self.assigned.enter(Phase::Leaving);
        self.leave();
        let Self { consumer, assigned, .. } = self;
        drop(consumer);
        assigned.enter(Phase::Left);
    }

    /// Leaves the group before the consumer is closed: closing one that has no partition, or that the group is being balanced with,
    /// does not tell the others (librdkafka 2.12), and they wait for it until its session is over.
    fn leave(&self) {
        let context = self.consumer.context();
        self.consumer.unsubscribe();
        let (before, end) = (context.looks.load(Ordering::Relaxed), Instant::now() + LEAVE);
        while Instant::now() < end {
            let _ = self.consumer.poll(Duration::from_millis(20));
            if context.looks.load(Ordering::Relaxed) > before && context.is_outside.load(Ordering::Relaxed) {
                return;
            }
        }
        tracing::warn!(
            "the group could not be left in time: its other members wait until the session of this one is over"
        );
    }

    fn step(&mut self) {
        if self.assigned.is_careful(self.family) {
            self.commit(CommitMode::Sync, false);
        } else if self.last_commit.elapsed() >= COMMIT_INTERVAL {
            self.commit(CommitMode::Async, false);
        }
        self.hold_up_stalled();
        if self.is_held_up() {
            return;
        }
        self.read(POLL);
    }

    /// Reads what there is, and waits for the first if there is none.
    fn read(&mut self, wait: Duration) {
        let mut requests = Vec::new();
        let mut wait = wait;
        while requests.len() < BATCH {
            let Some(read) = self.consumer.poll(wait) else { break };
            wait = Duration::ZERO;
            // The assignment may have changed in that call, and what was read before it may be read again after it.
            self.reading.refresh(&self.assigned);
            match read {
                Ok(message) => requests.extend(self.reading.request(&self.shared, &self.assigned, &message)),
                Err(error) => self.failed(&error),
            }
        }
        if !requests.is_empty() {
            self.shared.health.up();
            self.assigned.read(requests);
        }
    }

    /// Nothing more is read; what was taken is finished and committed.
    fn finish_step(&mut self) {
        if !self.paused {
            self.assigned.drop_waiting();
            self.pause();
        }
        // A pause does not call back what was fetched; another consumer reads it again.
        let _ = self.consumer.poll(Duration::from_millis(20));
        if self.last_commit.elapsed() >= COMMIT_INTERVAL {
            self.commit(CommitMode::Async, false);
        }
    }

    /// Whether there is no room. Then this waits a little for some.
    fn is_held_up(&mut self) -> bool {
        if self.paused {
            if self.assigned.has_room() {
                self.resume();
            } else {
                // A partition that is new to this consumer is not paused.
                let change = self.reading.change();
                self.read(POLL);
                if self.reading.change() != change {
                    self.pause();
                }
            }
            return self.paused;
        }
        if !self.assigned.is_full() {
            self.full_since = None;
            return false;
        }
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= PAUSE_AFTER {
            self.pause();
        } else {
            self.assigned.wait(POLL);
        }
        true
    }

    fn pause(&mut self) {
        self.paused = true;
        let paused = self.consumer.assignment().and_then(|all| self.consumer.pause(&all));
        if let Err(error) = paused {
            tracing::debug!(%error, "cannot pause");
        }
    }

    fn resume(&mut self) {
        (self.paused, self.full_since) = (false, None);
        let resumed = self.consumer.assignment().and_then(|all| self.consumer.resume(&all));
        if let Err(error) = resumed {
            tracing::debug!(%error, "cannot resume");
        }
        let stalled = self.assigned.stalled(self.family);
        if !stalled.is_empty() {
            let _ = self.consumer.pause(&self.list(&stalled));
        }
    }

    /// A partition in which one request holds up thousands is not read on: they would all be run again after a crash.
    fn hold_up_stalled(&self) {
        let (stalled, freed) = self.assigned.stalls(self.family);
        let partitions =
            |stalls: &[Stall]| stalls.iter().map(|stall| (stall.family, stall.number)).collect::<Vec<_>>();
        for Stall { family, number, offset, window } in &stalled {
            tracing::warn!(
                topic = self.shared.config.names.requests(*family),
                partition = number,
                offset,
                window,
                "one call holds up its partition: no more is read of it until the call ends; set a timeout for calls"
            );
        }
        if !stalled.is_empty() {
            let _ = self.consumer.pause(&self.list(&partitions(&stalled)));
        }
        if !freed.is_empty() && !self.paused {
            let _ = self.consumer.resume(&self.list(&partitions(&freed)));
        }
    }

    fn list(&self, partitions: &[(Family, i32)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (family, number) in partitions {
            list.add_partition(self.shared.config.names.requests(*family), *number);
        }
        list
    }

    fn failed(&self, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        match error.rdkafka_error_code() {
            // These come as events too, or mend themselves.
            Some(
                Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut,
            ) if !fatal => {}
            Some(Code::PollExceeded) => {
                tracing::warn!("this consumer was too slow to poll and has left its group; it joins again");
            }
            Some(
                Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed,
            ) => self.assigned.fail(client::error(error)),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                self.assigned.fail(Error::NotPrepared(error.to_string()));
            }
            _ if fatal => self.assigned.fail(Error::Refused(error.to_string())),
            _ => tracing::warn!(%error, "the broker reports an error"),
        }
    }

    fn commit(&mut self, mode: CommitMode, clean: bool) {
        self.last_commit = Instant::now();
        let points = self.assigned.points(|family, _| family == self.family, clean);
        commit(&self.consumer, &self.shared, &self.assigned, mode, points);
    }
}

/// Tells the broker how far this consumer is.
fn commit(
    consumer: &BaseConsumer<MemberContext>,
    shared: &Shared,
    assigned: &Assigned,
    mode: CommitMode,
    points: Vec<Point>,
) {
    if points.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(points.len());
    for Point { family, number, offset, note } in &points {
        let topic = shared.config.names.requests(*family);
        // Fails for offsets that cannot be.
        if list.add_partition_offset(topic, *number, Offset::Offset(*offset)).is_ok()
            && let Some(mut element) = list.find_partition(topic, *number)
        {
            element.set_metadata(note.write(*offset));
        }
    }
    match consumer.commit(&list, mode) {
        Ok(()) => assigned.told(points, matches!(mode, CommitMode::Sync)),
        Err(error) => {
            assigned.doubt(consumer.context().family);
            committing_failed(&error);
        }
    }
}

fn committing_failed(error: &KafkaError) {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::NoOffset) => {}
        // The partition is another's already: what was finished is run again there.
        Some(Code::RebalanceInProgress | Code::IllegalGeneration | Code::UnknownMemberId) => {
            tracing::info!(%error, "partitions were given away before their last calls were committed: these may run twice");
        }
        _ => tracing::warn!(%error, "what was finished could not be committed; trying again"),
    }
}

impl MemberContext {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<(Family, i32)> {
        let names = &self.shared.config.names;
        let family = |topic: &str| names.family_of(topic);
        list.elements().iter().filter_map(|part| Some((family(part.topic())?, part.partition()))).collect()
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let committed = consumer.committed_offsets(list.clone(), REQUEST_TIMEOUT);
        if let Err(error) = &committed {
            tracing::warn!(%error, "what earlier consumers noted cannot be read: calls that they finished out of order may run again");
        }
        let names = &self.shared.config.names;
        let known = committed.unwrap_or_else(|_| list.clone());
        for part in known.elements() {
            let Some(family) = names.family_of(part.topic()) else { continue };
            let committed = match part.offset() {
                Offset::Offset(at) => Some((at, Note::read(part.metadata(), at))),
                _ => None,
            };
            self.assigned.assign(family, part.partition(), committed);
        }
        tracing::info!(partitions = list.count(), "was given partitions");
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = self.partitions(list);
        if consumer.assignment_lost() {
            tracing::warn!(
                partitions = partitions.len(),
                "lost partitions: calls in work run again elsewhere"
            );
        } else {
            let end = Instant::now() + self.shared.config.hand_over;
            let unfinished = self.assigned.hand_over(&partitions, end);
            if unfinished > 0 {
                tracing::warn!(
                    unfinished,
                    "calls in work run again elsewhere: they did not end before their partition was given away"
                );
            }
            // A commit that was not waited for may have been refused since the balancing began.
            self.assigned.doubt(self.family);
            let points = self.assigned.points(|family, number| partitions.contains(&(family, number)), true);
            commit(consumer, &self.shared, &self.assigned, CommitMode::Sync, points);
        }
        self.assigned.unassign(&partitions);
        tracing::info!(partitions = partitions.len(), "gave partitions away");
    }
}

impl ConsumerContext for MemberContext {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) if list.count() > 0 => self.assign(consumer, list),
            Rebalance::Revoke(list) if list.count() > 0 => self.revoke(consumer, list),
            Rebalance::Assign(_) | Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "the group could not be balanced"),
        }
        // Meanwhile the group takes no commits, and those that it refused were not told about.
        self.assigned.doubt(self.family);
    }
}

impl ClientContext for MemberContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Context::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.common.log(level, facility, message);
    }

    /// librdkafka does not tell when a commit failed that was not waited for, but it says here which offsets it knows to be
    /// committed.
    fn stats_raw(&self, statistics: &[u8]) {
        let Some(seen) = self.common.look(statistics) else { return };
        for (topic, about) in &seen.topics {
            let Some(family) = self.shared.config.names.family_of(topic) else { continue };
            for partition in about.partitions.values() {
                self.assigned.is_committed(family, partition.partition, partition.committed_offset);
            }
        }
        if let Some(group) = seen.cgrp {
            self.is_outside.store(group.join_state == "init", Ordering::Relaxed);
            self.looks.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.common.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        config: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        self.common.generate_oauth_token(config)
    }
}
