//! What can go wrong with a cluster, sorted by who must act.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::names::{Operation, Resource, Right};
use crate::raw::Fault;

/// The result of an operation on a cluster, or of its part for one topic, partition or group.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings of the client cannot be used.
    #[error("the settings for Kafka cannot be used: {0}")]
    Config(String),
    /// No broker, or not the one that is needed, answers.
    #[error("no answer from Kafka: {0}")]
    Unreachable(String),
    /// The brokers do not accept the login.
    #[error("Kafka refuses the login: {0}")]
    Authentication(String),
    /// The user may not do this.
    #[error("no right to {0}")]
    Denied(Right),
    /// The brokers are too old for this.
    #[error("these Kafka brokers cannot do this: {0}")]
    Unsupported(String),
    /// There is no such topic.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// Anything else that the brokers refuse.
    #[error("Kafka refuses: {0}")]
    Refused(String),
}

impl Error {
    /// Of a request that needs `operation` on `resource`.
    pub(crate) fn of(fault: Fault, operation: Operation, resource: Resource) -> Self {
        let Fault { code, text } = fault;
        match (code, resource) {
            (Code::ClusterAuthorizationFailed, _) => {
                Self::Denied(Right { operation, resource: Resource::Cluster })
            }
            // Whoever looks for a group's coordinator, or reads its offsets, must be allowed to see it.
            (Code::GroupAuthorizationFailed, resource @ Resource::Group(_))
            | (Code::TopicAuthorizationFailed, resource @ Resource::Topic(_)) => {
                Self::Denied(Right { operation, resource })
            }
            (
                Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition,
                Resource::Topic(name),
            ) => Self::NoTopic(name),
            (code, _) => Self::general(code, text),
        }
    }

    /// Of a request about several things, which failed for all of them.
    pub(crate) fn general(code: Code, text: String) -> Self {
        let text = if text.is_empty() { code.to_string() } else { text };
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
                Self::Authentication(text)
            }
            Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::SSL
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::OffsetNotAvailable
            | Code::UnknownLeaderEpoch
            | Code::FencedLeaderEpoch
            | Code::UnstableOffsetCommit
            | Code::KafkaStorageError
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::NotController
            | Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::DestroyBroker
            | Code::BrokerDestroy => Self::Unreachable(text),
            Code::UnsupportedVersion | Code::UnsupportedFeature => Self::Unsupported(text),
            _ => Self::Refused(text),
        }
    }
}

impl From<KafkaError> for Error {
    /// Of a client that could not be made. The value of a setting may be a secret, so only its name is told.
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, what, key, _) => Self::Config(format!("{key}: {what}")),
            KafkaError::ClientCreation(what) => Self::Config(what),
            other => match other.rdkafka_error_code() {
                Some(code) => Self::general(code, other.to_string()),
                None => Self::Refused(other.to_string()),
            },
        }
    }
}
