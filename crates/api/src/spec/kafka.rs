//! A queue on Kafka: how to get in, and what topics it has.

use kube::KubeSchema;
use prpc_contract::settings::KafkaSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::broker::{SecretKey, SecretRole};

/// A Kafka cluster, 2.4 or newer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kafka {
    /// Addresses to begin with, each `host:port`. A host name without a dot is looked up in the namespace of the queue; the addresses
    /// that the brokers themselves advertise must be known in all namespaces.
    #[schemars(
        length(min = 1, max = 32),
        inner(length(min = 3, max = 260), regex(pattern = r"^[^\s:]+:[0-9]{1,5}$"))
    )]
    pub bootstrap_servers: Vec<String>,
    /// Encryption and login; neither if not set.
    #[serde(default)]
    pub security: KafkaSecurity,
    /// The topics, which the operator makes.
    #[serde(default)]
    pub topics: KafkaTopics,
}

/// Encryption and login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaSecurity {
    /// Connections are encrypted; `{}` for brokers with a certificate that every system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<KafkaTls>,
    /// Clients log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<KafkaSasl>,
}

/// Encryption. Every value is PEM text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = ("has(self.certificateSecretRef) == has(self.keySecretRef)", "certificateSecretRef and keySecretRef belong together: set both or none"))]
pub struct KafkaTls {
    /// The certificates to trust, instead of those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
    /// The client's certificate, where the brokers ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_secret_ref: Option<SecretKey>,
    /// Its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<SecretKey>,
}

/// The login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = ("!has(self.username) || !has(self.usernameSecretRef)", "set only one of username and usernameSecretRef"),
    validation = ("self.mechanism != 'OAUTHBEARER' || (has(self.tokenSecretRef) && !has(self.passwordSecretRef) && !has(self.username) && !has(self.usernameSecretRef))", "OAUTHBEARER needs tokenSecretRef, and neither user nor password"),
    validation = ("self.mechanism == 'OAUTHBEARER' || (has(self.passwordSecretRef) && (has(self.username) || has(self.usernameSecretRef)) && !has(self.tokenSecretRef))", "this mechanism needs a user (username or usernameSecretRef) and passwordSecretRef, and no token"),
)]
pub struct KafkaSasl {
    /// How a client logs in, in Kafka's words.
    pub mechanism: KafkaMechanism,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub username: Option<String>,
    /// The user, if it is in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_secret_ref: Option<SecretKey>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKey>,
    /// The token of OAUTHBEARER. It may be replaced at any time, and running pods take the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKey>,
}

/// How a client logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KafkaMechanism {
    /// User and password are sent as they are, so use it with `tls`.
    #[serde(rename = "PLAIN")]
    Plain,
    /// The password is proven and not sent.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The same with a longer digest.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// A token of somebody whom the brokers trust.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

impl KafkaMechanism {
    /// Kafka's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// The topics of a queue. They only grow: what is there already is neither made smaller nor changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = ("!has(self.partitions) || !has(oldSelf.partitions) || self.partitions >= oldSelf.partitions", "partitions cannot be taken away from a topic: keep the number, or create another PrpcQueue"))]
pub struct KafkaTopics {
    /// Partitions of each topic with calls. No more pods than that get any; `scaling.maxReplicas`, rounded up to a number that many
    /// numbers of pods share evenly, if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub partitions: Option<i32>,
    /// How many brokers hold each topic; as the cluster's default says if not set. Matters only while a topic is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub replication_factor: Option<i32>,
    /// Partitions of each topic with answers. A client reads one of them.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 10000))]
    pub feedback_partitions: i32,
}

const fn four() -> i32 {
    4
}

impl Default for KafkaTopics {
    fn default() -> Self {
        Self { partitions: None, replication_factor: None, feedback_partitions: four() }
    }
}

/// Numbers with many divisors: pods get equal shares for many numbers of pods.
const EVEN: [u32; 8] = [4, 6, 12, 24, 60, 120, 240, 360];

impl KafkaTopics {
    /// Partitions of each topic with calls, for so many pods at most.
    #[must_use]
    pub fn partitions(&self, max_replicas: i32) -> u32 {
        let most = max_replicas.max(1).unsigned_abs();
        let even = || EVEN.into_iter().find(|even| *even >= most).unwrap_or(most.next_multiple_of(120));
        // The schema has no negative numbers.
        self.partitions.map_or_else(even, |partitions| partitions.max(1).unsigned_abs())
    }
}

impl Kafka {
    pub(super) fn secrets(&self) -> Vec<(SecretRole, &Option<SecretKey>)> {
        let mut all = Vec::new();
        if let Some(tls) = &self.security.tls {
            all.push((SecretRole::Ca, &tls.ca_secret_ref));
            all.push((SecretRole::Certificate, &tls.certificate_secret_ref));
            all.push((SecretRole::PrivateKey, &tls.key_secret_ref));
        }
        if let Some(sasl) = &self.security.sasl {
            all.push((SecretRole::Username, &sasl.username_secret_ref));
            all.push((SecretRole::Password, &sasl.password_secret_ref));
            all.push((SecretRole::Token, &sasl.token_secret_ref));
        }
        all
    }

    /// What an API server refuses, too.
    ///
    /// # Errors
    /// The field below `spec.broker.kafka`, and what to do.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.bootstrap_servers.is_empty() {
            return Err(("bootstrapServers", "at least one address is needed, such as kafka:9092"));
        }
        if let Some(tls) = &self.security.tls
            && tls.certificate_secret_ref.is_some() != tls.key_secret_ref.is_some()
        {
            return Err((
                "security.tls",
                "certificateSecretRef and keySecretRef belong together: set both or none",
            ));
        }
        let Some(sasl) = &self.security.sasl else { return Ok(()) };
        let users = usize::from(sasl.username.is_some()) + usize::from(sasl.username_secret_ref.is_some());
        let (password, token) = (sasl.password_secret_ref.is_some(), sasl.token_secret_ref.is_some());
        match sasl.mechanism {
            KafkaMechanism::OauthBearer if users > 0 || password || !token => {
                Err(("security.sasl", "OAUTHBEARER needs tokenSecretRef, and neither user nor password"))
            }
            KafkaMechanism::OauthBearer => Ok(()),
            _ if users != 1 || !password || token => Err((
                "security.sasl",
                "this mechanism needs a user (username or usernameSecretRef) and passwordSecretRef, and no token",
            )),
            _ => Ok(()),
        }
    }

    /// What a runtime is told of it; nothing that is in a Secret.
    #[must_use]
    pub fn settings(&self, max_replicas: i32) -> KafkaSettings {
        let security = &self.security;
        let protocol = match (&security.tls, &security.sasl) {
            (None, None) => "PLAINTEXT",
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        };
        KafkaSettings {
            queue_partitions: Some(self.topics.partitions(max_replicas)),
            feedback_partitions: u32::try_from(self.topics.feedback_partitions).ok(),
            replication_factor: self.topics.replication_factor.and_then(|factor| u32::try_from(factor).ok()),
            security_protocol: Some(protocol.to_owned()),
            sasl_mechanism: security.sasl.as_ref().map(|sasl| sasl.mechanism.as_str().to_owned()),
            sasl_username: security.sasl.as_ref().and_then(|sasl| sasl.username.clone()),
            ..KafkaSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_partitions_for_all_pods_and_equal_shares_for_many_numbers_of_pods() {
        let usual = KafkaTopics::default();
        for (pods, partitions) in [
            (1, 4),
            (4, 4),
            (5, 6),
            (10, 12),
            (12, 12),
            (20, 24),
            (50, 60),
            (100, 120),
            (300, 360),
            (1000, 1080),
        ] {
            assert_eq!(usual.partitions(pods), partitions, "{pods}");
        }
        assert_eq!(KafkaTopics { partitions: Some(3), ..usual }.partitions(10), 3);
    }
}
