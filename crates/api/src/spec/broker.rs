//! Where the queue is.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kafka::Kafka;

/// The broker that holds the queue: exactly one of `redis` and `kafka`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "there is one for each queue")]
pub enum Broker {
    /// Streams of a Redis or Valkey server, 6.2 or newer.
    Redis(Redis),
    /// Topics of a Kafka cluster.
    Kafka(Kafka),
}

/// A Redis server. Its address is written here or, if it holds a password, in a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = ("has(self.url) != has(self.urlSecretRef)", "set exactly one of url and urlSecretRef"),
    validation = ("!has(self.url) || !self.url.contains('@')", "an address with a password belongs into a Secret: name it with urlSecretRef"),
)]
pub struct Redis {
    /// Address without password: `redis://host:6379/0`, or `rediss://` for TLS. A host name without a dot is looked up in the
    /// namespace of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 1024), regex(pattern = r"^rediss?://[^\s]+$"))]
    pub url: Option<String>,
    /// Key of a Secret in the same namespace whose value is the address with user and password:
    /// `redis://user:password@host:6379/0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKey>,
}

/// One key of a Secret in the namespace of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretKey {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key in its data.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// What a key of a Secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRole {
    /// The address of Redis, with user and password.
    Url,
    /// The certificates to trust.
    Ca,
    /// Our certificate.
    Certificate,
    /// Its private key.
    PrivateKey,
    /// The user.
    Username,
    /// The password.
    Password,
    /// The token of OAUTHBEARER, which changes while pods run.
    Token,
}

impl SecretRole {
    /// The field that names it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Url => "spec.broker.redis.urlSecretRef",
            Self::Ca => "spec.broker.kafka.security.tls.caSecretRef",
            Self::Certificate => "spec.broker.kafka.security.tls.certificateSecretRef",
            Self::PrivateKey => "spec.broker.kafka.security.tls.keySecretRef",
            Self::Username => "spec.broker.kafka.security.sasl.usernameSecretRef",
            Self::Password => "spec.broker.kafka.security.sasl.passwordSecretRef",
            Self::Token => "spec.broker.kafka.security.sasl.tokenSecretRef",
        }
    }

    /// The variable by which a pod gets it; none for the token, which is a file.
    #[must_use]
    pub const fn variable(self) -> Option<&'static str> {
        Some(match self {
            Self::Url => "PRPC_URL_BROKER",
            Self::Ca => "PRPC_KAFKA_SSL_CA",
            Self::Certificate => "PRPC_KAFKA_SSL_CERTIFICATE",
            Self::PrivateKey => "PRPC_KAFKA_SSL_KEY",
            Self::Username => "PRPC_KAFKA_SASL_USERNAME",
            Self::Password => "PRPC_KAFKA_SASL_PASSWORD",
            Self::Token => return None,
        })
    }
}

impl Broker {
    /// Every key of a Secret that is named, and what it is for.
    #[must_use]
    pub fn secrets(&self) -> Vec<(SecretRole, &SecretKey)> {
        let named = match self {
            Self::Redis(redis) => vec![(SecretRole::Url, &redis.url_secret_ref)],
            Self::Kafka(kafka) => kafka.secrets(),
        };
        named.into_iter().filter_map(|(role, key)| Some((role, key.as_ref()?))).collect()
    }
}
