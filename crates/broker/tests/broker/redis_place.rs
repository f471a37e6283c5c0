//! A queue on a Redis server of its own, and the client's side of it; runs the contract there.

use std::time::Duration;

use bytes::Bytes;
use prpc_broker::{Family, QueueNames, RedisBroker, RedisConfig, Url};
use prpc_testbed::RedisServer;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::contract::{self, Place};

pub(crate) fn queue_names() -> QueueNames {
    QueueNames::new(&"queue".parse().unwrap())
}

pub(crate) struct RedisPlace {
    pub(crate) server: RedisServer,
    pub(crate) config: RedisConfig,
}

impl RedisPlace {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let server = RedisServer::start(arguments);
        let mut config = RedisConfig::new(Url::new(server.url()), queue_names());
        config.recover_after = Duration::from_millis(500);
        config.reclaim_interval = Duration::from_millis(20);
        Self { server, config }
    }

    pub(crate) fn requests(&self, family: Family) -> &str {
        self.config.names.requests(family)
    }

    pub(crate) async fn add(&self, family: Family, fields: &[(&str, &[u8])]) -> String {
        self.server.connection().await.xadd(self.requests(family), "*", fields).await.unwrap()
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        self.server.connection().await
    }
}

impl Place for RedisPlace {
    type Broker = RedisBroker;

    fn broker(&self) -> RedisBroker {
        RedisBroker::new(self.config.clone()).unwrap()
    }

    fn patient_broker(&self) -> RedisBroker {
        RedisBroker::new(RedisConfig { recover_after: Duration::from_secs(45), ..self.config.clone() })
            .unwrap()
    }

    async fn send(&self, family: Family, body: &[u8], marked: bool) {
        let fields: &[(&str, &[u8])] = &[("message", body), ("client", b"prpc/1")];
        self.add(family, &fields[..if marked { 2 } else { 1 }]).await;
    }

    async fn reply(&self, family: Family, message_id: &str) -> Option<Bytes> {
        let reply: Option<Vec<u8>> =
            self.connection().await.get(self.config.names.reply(family, message_id)).await.unwrap();
        reply.map(Bytes::from)
    }
}

macro_rules! redis_keeps {
    ($($promise:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            contract::$promise(&RedisPlace::start()).await;
        }
    )* };
}

redis_keeps! {
    requests_are_taken_and_answered
    what_was_sent_before_the_queue_was_prepared_is_taken
    a_dropped_take_loses_nothing
    no_more_is_taken_than_there_is_room_for
    an_interrupt_ends_a_take_and_only_that
    the_backlog_is_what_is_not_settled
    what_a_dead_consumer_had_is_taken_over_and_its_attempts_are_counted
    what_is_extended_is_not_taken_over
    what_was_settled_meanwhile_is_not_reported_as_lost
    what_was_taken_over_is_reported_as_lost
    a_consumer_does_not_take_over_its_own_work
    what_waited_too_long_to_be_taken_is_left_to_others
    a_handed_back_request_counts_only_if_it_was_started
    settling_twice_does_no_harm
    a_dead_letter_can_be_read_retried_and_dropped
    a_truncated_dead_letter_is_not_retried
    a_dead_letter_can_come_with_a_reply
    every_request_goes_to_one_consumer
}
