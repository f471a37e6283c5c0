//! A queue that holds together: what the builders and the report are made from.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use prpc_api::spec::{Broker, Kafka, ScalingMode, SecretRole};
use prpc_api::{PrpcQueue, PrpcQueueSpec, Span};
use prpc_broker::Url;
use prpc_contract::names::{DEFAULT_GROUP, QueueName, QueueNames};
use prpc_contract::settings::{KafkaSettings, Settings};
use prpc_kafka_admin::{Token, Wanted};
use prpc_scaling::Policy;

use super::error::Error;
use super::resolve::{Access, Secrets};
use crate::address::{server_seen_from_here, url_seen_from_here};
use crate::brokers::{Place, RedisPlace};
use crate::kafka::{ClusterPlace, KafkaPlace};
use crate::scaling::Wish;

/// A pod's time to finish calls, when nothing says otherwise, and what it has beyond the longest call.
const DRAIN: Duration = Duration::from_secs(25);
const BEYOND_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a pod has the token of OAUTHBEARER.
pub(super) const TOKEN_FILE: &str = "/prpc-token/token";

/// The model.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) owner: OwnerReference,
    pub(super) generation: i64,
    /// The generation that was brought about last.
    reached_generation: Option<i64>,
    pub(super) spec: PrpcQueueSpec,
    pub(super) image: String,
    pub(super) access: Access,
    pub(super) settings: Settings,
    /// How long a pod may go on with its calls after SIGTERM.
    pub(super) drain: Duration,
    queue: QueueName,
    policy: Policy,
}

impl Queue {
    /// Checks once more what the API server should have refused: its rules may be older than this operator.
    pub(super) fn validate(resource: &PrpcQueue, access: Access) -> Result<Self, Error> {
        let invalid = |text: String| Error::Invalid(text);
        let (name, spec) = (resource.name_any(), resource.spec.clone());
        let owner = resource
            .controller_owner_ref(&())
            .ok_or_else(|| invalid("the object has no uid: it does not come from an API server".into()))?;
        let image =
            spec.function.image.clone().ok_or_else(|| invalid("spec.function.image is missing".into()))?;
        let queue: QueueName =
            spec.queue_name(&name).parse().map_err(|error| invalid(format!("spec.queueName: {error}")))?;
        let drain = spec.rollout.drain_timeout.map(Span::duration).unwrap_or_else(|| {
            spec.worker.timeout.map_or(DRAIN, |timeout| DRAIN.max(timeout.duration() + BEYOND_TIMEOUT))
        });
        let mut settings = spec.settings(&name);
        settings.grace = Some(drain);
        match &spec.broker {
            Broker::Redis(redis) if redis.url.is_some() == redis.url_secret_ref.is_some() => {
                return Err(invalid("spec.broker.redis: set exactly one of url and urlSecretRef".into()));
            }
            Broker::Kafka(kafka) => {
                kafka
                    .check()
                    .map_err(|(place, what)| invalid(format!("spec.broker.kafka.{place}: {what}")))?;
                let has_token = spec.broker.secrets().iter().any(|(role, _)| *role == SecretRole::Token);
                settings.kafka.sasl_token_file = has_token.then(|| TOKEN_FILE.to_owned());
            }
            Broker::Redis(_) => {}
        }
        let policy = spec.scaling.policy(settings.concurrency).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            namespace: resource.namespace().unwrap_or_default(),
            generation: resource.meta().generation.unwrap_or_default(),
            reached_generation: reached_generation(resource),
            name,
            owner,
            spec,
            image,
            access,
            settings,
            drain,
            queue,
            policy,
        })
    }

    /// Whether this spec was never brought about before.
    pub(super) fn is_new(&self) -> bool {
        self.reached_generation != Some(self.generation)
    }

    /// The name of everything that is made for the queue.
    pub(super) fn children_name(&self) -> String {
        format!("{}-worker", self.name)
    }

    /// The queue's name on the broker.
    pub(super) fn queue_name(&self) -> &str {
        self.queue.as_str()
    }

    /// The word for the kind of broker.
    pub(super) const fn broker_kind(&self) -> &'static str {
        match self.spec.broker {
            Broker::Redis(_) => "redis",
            Broker::Kafka(_) => "kafka",
        }
    }

    /// How many pods there are to be while the backlog has not been seen yet.
    pub(super) fn first_replicas(&self) -> u32 {
        match self.spec.scaling.mode {
            ScalingMode::Managed => self.policy.bounds.min(),
            ScalingMode::Recommend | ScalingMode::External => self.spec.replicas.max(0).unsigned_abs(),
        }
    }

    /// How the queue is to be followed.
    pub(super) fn wish(&self) -> Wish {
        let scaling = &self.spec.scaling;
        let fixed = match scaling.mode {
            _ if self.spec.paused => Some(0),
            ScalingMode::Managed => None,
            // The schema has no negative numbers.
            ScalingMode::Recommend | ScalingMode::External => Some(self.spec.replicas.max(0).unsigned_abs()),
        };
        let policy = Policy { fixed, ..self.policy.clone() };
        Wish { policy, poll: scaling.poll_interval(), place: self.place() }
    }

    /// Where the operator finds the queue, if it can.
    pub(super) fn place(&self) -> Option<Place> {
        let Access::Known { secrets, .. } = &self.access else { return None };
        let group = self.settings.group.clone().unwrap_or_else(|| DEFAULT_GROUP.to_owned());
        match &self.spec.broker {
            Broker::Redis(redis) => {
                let address = redis.url.as_ref().or_else(|| secrets.get(SecretRole::Url))?;
                let url = Url::new(url_seen_from_here(address, &self.namespace));
                Some(Place::Redis(RedisPlace { url, queue: self.queue.clone(), group }))
            }
            Broker::Kafka(kafka) => Some(Place::Kafka(self.on_kafka(kafka, secrets, group))),
        }
    }

    fn on_kafka(&self, kafka: &Kafka, secrets: &Secrets, group: String) -> KafkaPlace {
        let told = &self.settings.kafka;
        let secret = |role| secrets.get(role).cloned();
        let servers = kafka.bootstrap_servers.iter();
        let servers: Vec<_> = servers.map(|server| server_seen_from_here(server, &self.namespace)).collect();
        let named = self.spec.broker.secrets();
        let token_from = named.iter().find(|(role, _)| *role == SecretRole::Token);
        KafkaPlace {
            cluster: ClusterPlace {
                servers: servers.join(","),
                security: KafkaSettings {
                    security_protocol: told.security_protocol.clone(),
                    sasl_mechanism: told.sasl_mechanism.clone(),
                    sasl_username: told.sasl_username.clone().or_else(|| secret(SecretRole::Username)),
                    sasl_password: secret(SecretRole::Password),
                    sasl_token_file: told.sasl_token_file.clone(),
                    ssl_ca: secret(SecretRole::Ca),
                    ssl_certificate: secret(SecretRole::Certificate),
                    ssl_key: secret(SecretRole::PrivateKey),
                    ..KafkaSettings::default()
                },
                token_from: token_from.map(|(_, key)| format!("{}/{}/{}", self.namespace, key.name, key.key)),
            },
            token: secret(SecretRole::Token).map(Token::new),
            wanted: Wanted {
                names: QueueNames::new(&self.queue),
                group,
                partitions: told.queue_partitions.unwrap_or(1),
                feedback_partitions: told.feedback_partitions.unwrap_or(1),
                replication: told.replication_factor,
            },
        }
    }
}

/// A pass that fails tells the generation, too, but no condition other than Ready.
fn reached_generation(resource: &PrpcQueue) -> Option<i64> {
    let conditions = &resource.status.as_ref()?.conditions;
    conditions.iter().find(|condition| condition.type_ == "Progressing")?.observed_generation
}

/// The queue `shop/orders` with members of its spec changed.
#[cfg(test)]
pub(super) fn queue_at(change: &serde_json::Value, access: Access) -> Queue {
    let mut spec = serde_json::json!({
        "broker": {"redis": {"url": "redis://redis:6379/0"}},
        "function": {"image": "shop/orders:1", "app": "orders.main:app"},
    });
    for (name, value) in change.as_object().unwrap() {
        spec[name] = value.clone();
    }
    let mut resource = PrpcQueue::new("orders", serde_json::from_value(spec).unwrap());
    resource.metadata = kube::core::ObjectMeta {
        namespace: Some("shop".into()),
        uid: Some("u-1".into()),
        ..resource.metadata
    };
    Queue::validate(&resource, access).unwrap()
}
