//! One connection to each distinct broker, shared by all its queues.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prpc_broker::{Backlog, Broker as _, QueueName, QueueNames, RedisBroker, RedisConfig, Url};
use prpc_scaling::{Load, Sample};

use crate::failure::Failure;
use crate::kafka::{Cluster, ClusterPlace, KafkaPlace, KafkaQueue};

/// Where a queue is, as the operator sees it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one for each queue")]
pub(crate) enum Place {
    Redis(RedisPlace),
    Kafka(KafkaPlace),
}

/// Where a queue on Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisPlace {
    pub(crate) url: Url,
    pub(crate) queue: QueueName,
    pub(crate) group: String,
}

/// Connections by address.
#[derive(Default)]
pub(crate) struct Brokers {
    redis: Mutex<HashMap<String, RedisBroker>>,
    kafka: Mutex<Vec<(ClusterPlace, Cluster)>>,
}

/// A queue on either broker.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each queue")]
pub(crate) enum Queue {
    Redis(RedisBroker),
    Kafka(KafkaQueue),
}

/// What a look brought.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) backlog: Backlog,
    pub(crate) sample: Sample,
    /// Calls that were removed before they were answered.
    pub(crate) lost: u64,
    /// What somebody should know although the broker answers.
    pub(crate) note: Option<Failure>,
}

impl Brokers {
    /// A handle on a queue. Connects when it is first used.
    pub(crate) fn queue(&self, place: &Place) -> Result<Queue, Failure> {
        match place {
            Place::Redis(place) => Ok(Queue::Redis(self.on_redis(place)?)),
            Place::Kafka(place) => {
                let mut open = lock(&self.kafka);
                let cluster = match open.iter().find(|(known, _)| *known == place.cluster) {
                    Some((_, cluster)) => cluster.clone(),
                    None => {
                        let group = &place.wanted.group;
                        let cluster = Cluster::open(&place.cluster, place.token.as_ref(), group)?;
                        open.push((place.cluster.clone(), cluster.clone()));
                        cluster
                    }
                };
                Ok(Queue::Kafka(cluster.queue(place.wanted.clone())))
            }
        }
    }

    fn on_redis(&self, place: &RedisPlace) -> prpc_broker::Result<RedisBroker> {
        let names = QueueNames::new(&place.queue);
        let mut open = lock(&self.redis);
        let server = match open.get(place.url.secret()) {
            Some(server) => server.clone(),
            None => {
                let config =
                    RedisConfig { late_copies: false, ..RedisConfig::new(place.url.clone(), names.clone()) };
                let server = RedisBroker::new(config)?;
                open.insert(place.url.secret().to_owned(), server.clone());
                server
            }
        };
        Ok(server.beside(names, place.group.clone()))
    }

    /// The same place; its token may be another one.
    pub(crate) fn renew(&self, place: &Place) {
        if let Place::Kafka(place) = place
            && let Some(token) = &place.token
            && let Some((_, open)) = lock(&self.kafka).iter().find(|(known, _)| *known == place.cluster)
        {
            open.renew(token);
        }
    }

    /// Nobody looks at a queue any more.
    pub(crate) fn forget(&self, place: &Place) {
        if let Place::Kafka(place) = place
            && let Some((_, open)) = lock(&self.kafka).iter().find(|(known, _)| *known == place.cluster)
        {
            open.forget(&place.wanted);
        }
    }

    /// Closes connections whose address no queue has any more.
    pub(crate) fn keep_only<'a>(&self, used: impl Iterator<Item = &'a Place>) {
        let (mut urls, mut clusters) = (Vec::new(), Vec::new());
        for place in used {
            match place {
                Place::Redis(place) => urls.push(place.url.secret()),
                Place::Kafka(place) => clusters.push(&place.cluster),
            }
        }
        lock(&self.redis).retain(|address, _| urls.contains(&address.as_str()));
        lock(&self.kafka).retain(|(place, _)| clusters.contains(&place));
    }
}

impl Queue {
    /// Makes what the queue needs on the broker. Returns what somebody should know although it works.
    pub(crate) async fn prepare(&self) -> Result<Option<Failure>, Failure> {
        match self {
            Self::Redis(broker) => Ok(broker.prepare().await.map(|()| None)?),
            Self::Kafka(queue) => queue.prepare().await,
        }
    }

    /// How much work there is.
    pub(crate) async fn measure(&self) -> Result<Measured, Failure> {
        match self {
            Self::Redis(broker) => {
                let backlog = broker.measure().await?;
                let load = Load { undelivered: backlog.undelivered, in_flight: backlog.in_flight };
                let (oldest, arrived) = (backlog.oldest_age, backlog.arrived);
                Ok(Measured {
                    backlog,
                    sample: Sample { oldest, arrived, ..load.into() },
                    lost: 0,
                    note: None,
                })
            }
            Self::Kafka(queue) => queue.measure().await.map(Measured::from),
        }
    }

    /// Returns when a call has come to a queue that has none. Kafka cannot tell; there the looks must do.
    pub(crate) async fn first_call(&self) {
        match self {
            Self::Redis(broker) => broker.first_request().await,
            Self::Kafka(_) => std::future::pending().await,
        }
    }

    /// Removes the queue from the broker.
    pub(crate) async fn purge(&self) -> Result<(), Failure> {
        match self {
            Self::Redis(broker) => Ok(broker.purge().await?),
            Self::Kafka(queue) => queue.purge().await,
        }
    }
}

impl From<prpc_kafka_admin::Sample> for Measured {
    fn from(seen: prpc_kafka_admin::Sample) -> Self {
        let backlog = Backlog {
            undelivered: seen.waiting,
            in_flight: 0,
            oldest_age: seen.oldest_age,
            dead_letters: seen.dead_letters,
            arrived: Some(seen.arrived),
        };
        let note = if seen.lost > 0 {
            let what = format!("{} calls were removed by retention before they were answered", seen.lost);
            Some(Failure::new("CallsLost", what, "Raise retention.ms of the topics, or scaling.maxReplicas."))
        } else if seen.cut {
            let what = "the group is past the end of a topic, which was made again or has lost records";
            Some(Failure::new("TopicCut", what, "Workers begin at its first record."))
        } else {
            None
        };
        let sample = Sample {
            load: Load { undelivered: seen.waiting, in_flight: 0 },
            oldest: seen.oldest_age,
            arrived: Some(seen.arrived),
            answered: Some(seen.done),
            partitions: NonZeroU32::new(seen.partitions),
            ..Sample::default()
        };
        Self { backlog, sample, lost: seen.lost, note }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prpc_contract::settings::KafkaSettings;
    use prpc_kafka_admin::{Token, Wanted};

    fn redis(url: &str, queue: &str) -> Place {
        Place::Redis(RedisPlace { url: Url::new(url), queue: queue.parse().unwrap(), group: "g".into() })
    }

    fn kafka(servers: &str, queue: &str, token: Option<&str>) -> Place {
        let security =
            KafkaSettings { security_protocol: Some("PLAINTEXT".into()), ..KafkaSettings::default() };
        Place::Kafka(KafkaPlace {
            cluster: ClusterPlace { servers: servers.into(), security, token_from: None },
            token: token.map(Token::new),
            wanted: Wanted {
                names: QueueNames::new(&queue.parse().unwrap()),
                group: "g".into(),
                partitions: 4,
                feedback_partitions: 4,
                replication: None,
            },
        })
    }

    #[tokio::test]
    async fn queues_of_one_address_share_a_connection_until_none_is_left() {
        let brokers = Brokers::default();
        let places = [redis("redis://a/0", "x"), redis("redis://a/0", "y"), redis("redis://b/0", "x")];
        let on_kafka = [kafka("a:1", "x", None), kafka("a:1", "y", None), kafka("b:1", "x", None)];
        for place in places.iter().chain(&on_kafka) {
            brokers.queue(place).unwrap();
        }
        assert_eq!((lock(&brokers.redis).len(), lock(&brokers.kafka).len()), (2, 2));
        brokers.keep_only([&places[2], &on_kafka[1]].into_iter());
        assert_eq!(lock(&brokers.redis).keys().collect::<Vec<_>>(), ["redis://b/0"]);
        let left: Vec<_> = lock(&brokers.kafka).iter().map(|(place, _)| place.servers.clone()).collect();
        assert_eq!(left, ["a:1"]);
    }

    #[test]
    fn another_token_does_not_make_another_place_and_another_queue_does() {
        assert_eq!(kafka("a:1", "x", Some("one")), kafka("a:1", "x", Some("two")));
        assert_ne!(kafka("a:1", "x", None), kafka("a:1", "y", None));
        assert_ne!(kafka("a:1", "x", None), redis("redis://a/0", "x"));
    }
}
