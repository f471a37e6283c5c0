//! Which queue a command talks to, and the connection to it.

use std::time::Duration;

use prpc_broker::{AnyBroker, AnyCaller, Broker as _, BrokerConfig, Url};
use prpc_contract::names::{QueueName, QueueNames};
use prpc_contract::settings::{KafkaSettings, Settings};

use crate::failure::{Exit, Failure};
use crate::local_queue::{self, LocalQueue};

/// Where the queue is.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Address {
    /// Address of the broker: redis://host:6379/0, or host:9092 for Kafka
    #[arg(long, env = "PRPC_URL_BROKER", hide_env_values = true, value_name = "URL")]
    broker: Option<String>,
    /// Name of the queue [default: task_prpc, or the one that `prpc up` runs]
    #[arg(long, env = "PRPC_QUEUE_NAME", value_name = "NAME")]
    queue: Option<String>,
    /// Consumer group of the queue's workers [default: prpc_group_consumers]
    #[arg(long, env = "PRPC_GROUP_NAME", value_name = "NAME")]
    group: Option<String>,
}

/// A queue on a broker.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) queue: QueueName,
    pub(crate) url: Url,
    group: Option<String>,
    kafka: KafkaSettings,
}

impl Address {
    /// The queue that is meant.
    pub(crate) fn find(&self) -> Result<Place, Failure> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (queue, url) = match said(&self.broker) {
            Some(url) => (said(&self.queue), url),
            None => {
                let local =
                    choose(local_queue::running(&local_queue::folder()), said(&self.queue).as_deref())?;
                (Some(local.queue), local.url)
            }
        };
        let url: Url = url.parse().map_err(|error| Failure::broker(&error, &Url::new("")))?;
        let variables = Settings::from_env(|name| std::env::var(name).ok());
        let kafka = variables.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?.kafka;
        Place::new(queue.as_deref(), url, said(&self.group), kafka)
    }
}

/// Of the queues that run on this machine, the one that is meant.
fn choose(running: Vec<LocalQueue>, wanted: Option<&str>) -> Result<LocalQueue, Failure> {
    let names = running.iter().map(|local| local.queue.as_str()).collect::<Vec<_>>().join(", ");
    let place = if names.is_empty() {
        "this machine: no queue runs".into()
    } else {
        format!("this machine: {names}")
    };
    let mut meant = running.into_iter().filter(|local| wanted.is_none_or(|wanted| wanted == local.queue));
    match (meant.next(), meant.next()) {
        (Some(local), None) => Ok(local),
        (Some(_), Some(_)) => Err(Failure::new(Exit::Usage, "several queues run on this machine")
            .place(place)
            .fix("say which one: --queue NAME")),
        (None, _) => {
            let what = wanted.map_or("no broker address".into(), |name| {
                format!("no broker address for the queue {name:?}")
            });
            Err(Failure::new(Exit::Usage, what).place(place).fix(
                "give --broker redis://host:6379/0, set PRPC_URL_BROKER, or start a queue here: prpc up",
            ))
        }
    }
}

impl Place {
    pub(crate) fn new(
        queue: Option<&str>,
        url: Url,
        group: Option<String>,
        kafka: KafkaSettings,
    ) -> Result<Self, Failure> {
        let queue = match queue {
            Some(name) => name.parse().map_err(|error| {
                Failure::new(Exit::Usage, format!("{error}"))
                    .place(format!("queue {name:?}"))
                    .fix("give another --queue")
            })?,
            None => QueueName::default(),
        };
        Ok(Self { queue, url, group, kafka })
    }

    fn config(&self) -> Result<BrokerConfig, Failure> {
        let names = QueueNames::new(&self.queue);
        let config = BrokerConfig::at(self.url.clone(), names, self.group.clone(), &self.kafka);
        config.map_err(|error| self.failure(&error))
    }

    /// The worker's side: measuring and dead letters.
    pub(crate) fn broker(&self) -> Result<AnyBroker, Failure> {
        let mut config = self.config()?;
        if let BrokerConfig::Redis(config) = &mut config {
            config.late_copies = false;
        }
        AnyBroker::new(config).map_err(|error| self.failure(&error))
    }

    /// The caller's side.
    pub(crate) async fn caller(&self) -> Result<AnyCaller, Failure> {
        AnyCaller::connect(self.config()?).await.map_err(|error| self.failure(&error))
    }

    /// Why this queue cannot be used.
    pub(crate) fn failure(&self, error: &prpc_broker::Error) -> Failure {
        Failure::broker(error, &self.url)
    }

    /// No answer came within `limit`: says what the queue is doing instead.
    pub(crate) async fn unanswered(&self, limit: Duration) -> Failure {
        let failure = Failure::new(Exit::Timeout, format!("no answer within {limit:?}"));
        let seen = match self.broker() {
            Ok(broker) => broker.measure().await.ok(),
            Err(_) => None,
        };
        let place = format!("queue {} on {}", self.queue, self.url);
        match seen {
            Some(backlog) if backlog.in_flight == 0 => failure
                .place(format!("{place}: {} waiting, none in work", backlog.undelivered))
                .fix(format!("start a worker: prpc run APP --queue {} --broker URL", self.queue)),
            Some(backlog) => failure
                .place(format!("{place}: {} waiting, {} in work", backlog.undelivered, backlog.in_flight))
                .fix("give a longer --timeout, or add workers"),
            None => failure.place(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(name: &str) -> LocalQueue {
        LocalQueue { queue: name.into(), url: format!("redis://127.0.0.1/{name}") }
    }

    #[test]
    fn the_only_queue_of_the_machine_is_meant() {
        assert_eq!(choose(vec![local("a")], None).unwrap(), local("a"));
    }

    #[test]
    fn of_several_queues_the_named_one_is_meant() {
        assert_eq!(choose(vec![local("a"), local("b")], Some("b")).unwrap(), local("b"));
    }

    #[test]
    fn several_queues_without_a_name_are_listed() {
        let failure = choose(vec![local("a"), local("b")], None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(format!("{failure:?}").contains("a, b"), "{failure:?}");
    }

    #[test]
    fn without_a_queue_the_ways_to_get_one_are_named() {
        for wanted in [None, Some("b")] {
            let failure = format!("{:?}", choose(vec![], wanted).unwrap_err());
            assert!(failure.contains("PRPC_URL_BROKER") && failure.contains("prpc up"), "{failure}");
        }
    }
}
