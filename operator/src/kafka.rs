//! Queues on Kafka: one client for each cluster and login, which looks at all their queues at once.

mod roots;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use prpc_broker::kafka::Security;
use prpc_contract::settings::KafkaSettings;
use prpc_kafka_admin::{
    Admin, Error, Sample, Sampler, Seeded, Token, Wanted, Watched, hand_back_rights, worker_rights,
};
use rdkafka::ClientConfig;
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;

/// Looks that are asked for within so long become one.
const GATHER: Duration = Duration::from_millis(50);
/// A group that had members when it was to get a place to begin at is tried again after so long.
const SEED_AGAIN: Duration = Duration::from_secs(60);

/// Where a queue on Kafka is.
#[derive(Debug, Clone)]
pub(crate) struct KafkaPlace {
    pub(crate) cluster: ClusterPlace,
    /// The token of OAUTHBEARER. A new one does not make another place.
    pub(crate) token: Option<Token>,
    pub(crate) wanted: Wanted,
}

impl PartialEq for KafkaPlace {
    fn eq(&self, other: &Self) -> bool {
        (&self.cluster, &self.wanted) == (&other.cluster, &other.wanted)
    }
}

/// A cluster and a login. Queues that have the same share a client.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClusterPlace {
    /// `host:port,…`, as the operator must write them.
    pub(crate) servers: String,
    /// Encryption and login; nothing else is set.
    pub(crate) security: KafkaSettings,
    /// The Secret that the token comes from.
    pub(crate) token_from: Option<String>,
}

impl fmt::Debug for ClusterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClusterPlace").field(&self.servers).finish()
    }
}

/// A client of a cluster. It ends with its last handle.
#[derive(Clone)]
pub(crate) struct Cluster {
    admin: Admin,
    token: Option<Token>,
    user: Option<String>,
    messages: mpsc::UnboundedSender<Message>,
}

enum Message {
    Look(Watched, oneshot::Sender<Result<Sample, Error>>),
    Forget(Watched),
}

impl Cluster {
    /// Makes a client; it connects by itself. `group` is one of a queue.
    pub(crate) fn open(place: &ClusterPlace, token: Option<&Token>, group: &str) -> Result<Self, Failure> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &place.servers)
            .set("client.id", "prpc-operator")
            .set("socket.keepalive.enable", "true");
        Security::from_settings(&place.security)?.apply(&mut config);
        roots::apply(&place.security, &mut config);
        let user = place.security.sasl_username.clone();
        let sampler = Sampler::new(&config, token.cloned(), group)
            .map_err(|error| Failure::of_kafka(&error, user.as_deref()))?;
        let admin = sampler.admin().clone();
        let (messages, received) = mpsc::unbounded_channel();
        tokio::spawn(serve(sampler, received));
        Ok(Self { admin, token: token.cloned(), user, messages })
    }

    /// The token of its login is another one now.
    pub(crate) fn renew(&self, token: &Token) {
        if let Some(own) = &self.token {
            own.take_over(token);
        }
    }

    pub(crate) fn queue(&self, wanted: Wanted) -> KafkaQueue {
        KafkaQueue { cluster: self.clone(), wanted }
    }

    /// A queue is not looked at any more.
    pub(crate) fn forget(&self, wanted: &Wanted) {
        // Nobody to tell is nobody who remembers.
        let _ = self.messages.send(Message::Forget(watched(wanted)));
    }
}

/// One queue on a cluster.
#[derive(Clone)]
pub(crate) struct KafkaQueue {
    cluster: Cluster,
    wanted: Wanted,
}

impl KafkaQueue {
    /// Makes what is missing, and looks whether workers have the rights that they need. Returns what is not as it should be although
    /// calls are answered.
    pub(crate) async fn prepare(&self) -> Result<Option<Failure>, Failure> {
        let (admin, names, group) = (&self.cluster.admin, &self.wanted.names, &self.wanted.group);
        let prepared = admin.prepare(&self.wanted).await.map_err(|error| self.failure(&error))?;
        for topic in &prepared.created {
            tracing::info!(topic, "made");
        }
        for topic in &prepared.grown {
            tracing::info!(topic, "has more partitions now");
        }
        let optional = hand_back_rights(names);
        let wanted: Vec<_> = worker_rights(names, group).into_iter().chain(optional.clone()).collect();
        let missing = admin.missing(&wanted).await.map_err(|error| self.failure(&error))?;
        let (wished, needed): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|right| optional.contains(right));
        let user = self.cluster.user.as_deref();
        if !needed.is_empty() {
            return Err(Failure::lacking(&needed, user));
        }
        if let Some(error) = prepared.short {
            let what = "the topics have fewer partitions than spec.broker.kafka.topics says";
            let message = format!("{what}: {}", self.failure(&error));
            return Ok(Some(Failure { reason: "TooFewPartitions", message }));
        }
        let hand_back = || {
            let what = "calls that a pod hands back at its end are started again from the last commit";
            let message = format!("{what}: {}", Failure::lacking(&wished, user));
            Failure { reason: "HandBackDenied", message }
        };
        Ok((!wished.is_empty()).then(hand_back))
    }

    /// Looks, together with others who do at the same time.
    pub(crate) async fn measure(&self) -> Result<Sample, Failure> {
        let (answer, answered) = oneshot::channel();
        let ended = || Error::Unreachable("the client has ended".into());
        let sent = self.cluster.messages.send(Message::Look(watched(&self.wanted), answer));
        sent.map_err(|_| self.failure(&ended()))?;
        answered.await.unwrap_or_else(|_| Err(ended())).map_err(|error| self.failure(&error))
    }

    /// Removes the topics with all that is in them, and the group if nothing else is left of it.
    pub(crate) async fn purge(&self) -> Result<(), Failure> {
        let purged = self.cluster.admin.purge(&self.wanted.names, &self.wanted.group).await;
        purged.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &Error) -> Failure {
        Failure::of_kafka(error, self.cluster.user.as_deref())
    }
}

fn watched(wanted: &Wanted) -> Watched {
    Watched { names: wanted.names.clone(), group: wanted.group.clone() }
}

/// Looks for all who ask, until nobody can any more.
async fn serve(mut sampler: Sampler, mut messages: mpsc::UnboundedReceiver<Message>) {
    let mut busy = HashMap::new();
    while let Some(first) = messages.recv().await {
        tokio::time::sleep(GATHER).await;
        let (mut queues, mut answers) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Look(queue, answer) => {
                    queues.push(queue);
                    answers.push(answer);
                }
                Message::Forget(queue) => sampler.forget(&queue),
            }
            next = messages.try_recv().ok();
        }
        let samples = sampler.sample(&queues, Instant::now()).await;
        for ((queue, answer), sample) in queues.iter().zip(answers).zip(samples) {
            if let Ok(sample) = &sample {
                seed(&sampler, queue, sample, &mut busy).await;
            }
            // Whoever asked may have given up.
            let _ = answer.send(sample);
        }
    }
}

/// Brokers forget what a group without members has committed, after a week by default: it gets a place to begin at again, where it
/// was last seen.
async fn seed(sampler: &Sampler, queue: &Watched, sample: &Sample, busy: &mut HashMap<String, Instant>) {
    let lately = busy.get(&queue.names.native).is_some_and(|at| at.elapsed() < SEED_AGAIN);
    if sample.unseeded.is_empty() || lately {
        return;
    }
    match sampler.admin().seed(&queue.group, &sample.unseeded).await {
        Ok(Seeded::Done) => {
            busy.remove(&queue.names.native);
            let partitions = sample.unseeded.len();
            tracing::info!(queue = queue.names.native, partitions, "the group has a place to begin at");
        }
        // Its members find one themselves.
        Ok(Seeded::InUse) => drop(busy.insert(queue.names.native.clone(), Instant::now())),
        Err(error) => {
            busy.insert(queue.names.native.clone(), Instant::now());
            tracing::warn!(queue = queue.names.native, %error, "the group gets no place to begin at");
        }
    }
}
