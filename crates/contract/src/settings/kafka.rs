//! Responsibility: the settings that only Kafka needs.

use std::fmt;

/// What one source says about Kafka; `None` leaves it open for the next source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Partitions of the topics that hold requests.
    pub queue_partitions: Option<u32>,
    /// Partitions of the topics that hold replies.
    pub feedback_partitions: Option<u32>,
    /// How many brokers hold each topic.
    pub replication_factor: Option<u32>,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`, as in Kafka's `security.protocol`.
    pub security_protocol: Option<String>,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`, as in Kafka's `sasl.mechanism`.
    pub sasl_mechanism: Option<String>,
    /// User for PLAIN and SCRAM.
    pub sasl_username: Option<String>,
    /// Password for PLAIN and SCRAM.
    pub sasl_password: Option<String>,
    /// For OAUTHBEARER: path of a file with the token. It is read again whenever a token is needed, so it may change.
    pub sasl_token_file: Option<String>,
    /// Certificates to trust instead of the system's: PEM text, or the path of a PEM file.
    pub ssl_ca: Option<String>,
    /// Our certificate: PEM text, or the path of a PEM file.
    pub ssl_certificate: Option<String>,
    /// Its private key: PEM text, or the path of a PEM file.
    pub ssl_key: Option<String>,
}

impl fmt::Debug for KafkaSettings {
    /// Without password and key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |secret: &Option<String>| secret.as_ref().map(|_| "…");
        f.debug_struct("KafkaSettings")
            .field("queue_partitions", &self.queue_partitions)
            .field("feedback_partitions", &self.feedback_partitions)
            .field("replication_factor", &self.replication_factor)
            .field("security_protocol", &self.security_protocol)
            .field("sasl_mechanism", &self.sasl_mechanism)
            .field("sasl_username", &self.sasl_username)
            .field("sasl_password", &hidden(&self.sasl_password))
            .field("sasl_token_file", &self.sasl_token_file)
            .field("ssl_ca", &self.ssl_ca)
            .field("ssl_certificate", &self.ssl_certificate)
            .field("ssl_key", &hidden(&self.ssl_key))
            .finish()
    }
}
