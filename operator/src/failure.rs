//! Why a broker could not be asked, in words for the user. The texts of the brokers' errors hold no password.

use std::fmt;

use prpc_kafka_admin::{Operation, Resource, Right};

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One word for conditions.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(reason: &'static str, what: impl fmt::Display, next: &str) -> Self {
        Self { reason, message: format!("{what}. {next}") }
    }

    /// The broker did not answer in time.
    pub(crate) fn slow() -> Self {
        prpc_broker::Error::Timeout.into()
    }

    /// Whether somebody has to do something: time alone does not help.
    pub(crate) fn is_refusal(&self) -> bool {
        ["InvalidAddress", "InvalidSettings", "AuthenticationFailed", "PermissionDenied"]
            .contains(&self.reason)
    }

    /// Of Kafka, for the user who is logged in.
    pub(crate) fn of_kafka(error: &prpc_kafka_admin::Error, user: Option<&str>) -> Self {
        use prpc_kafka_admin::Error;
        match error {
            Error::Denied(right) => Self::lacking(std::slice::from_ref(right), user),
            Error::Config(_) => {
                Self::new("InvalidSettings", error, "Correct spec.broker.kafka or the Secrets that it names.")
            }
            Error::Unreachable(_) => Self::new(
                "ConnectionFailed",
                error,
                "Check bootstrapServers, that the brokers advertise addresses which the operator can reach, and network policies.",
            ),
            Error::Authentication(_) => Self::new(
                "AuthenticationFailed",
                error,
                "Correct spec.broker.kafka.security.sasl or the Secrets that it names.",
            ),
            Error::NoTopic(_) => Self::new("TopicMissing", error, "It is made with the next look."),
            _ => Self::new("Refused", error, "See the message of the broker."),
        }
    }

    /// Rights that a user of Kafka does not have.
    pub(crate) fn lacking(rights: &[Right], user: Option<&str>) -> Self {
        let who = user.map_or_else(|| "the user of this login".to_owned(), |user| format!("user {user}"));
        let what: Vec<_> = rights.iter().map(ToString::to_string).collect();
        let next = match rights {
            [right] => format!("Give it: {}.", command(right, user)),
            _ => "Give the rights on Kafka that the operations guide lists.".to_owned(),
        };
        Self::new("PermissionDenied", format!("{who} has no right to {}", what.join(", ")), &next)
    }
}

/// How an administrator gives a right.
fn command(right: &Right, user: Option<&str>) -> String {
    let resource = match &right.resource {
        Resource::Topic(name) => format!("--topic {name}"),
        Resource::Group(name) => format!("--group {name}"),
        Resource::Cluster => "--cluster".to_owned(),
    };
    let operation = match right.operation {
        Operation::Read => "Read",
        Operation::Write => "Write",
        Operation::Create => "Create",
        Operation::Delete => "Delete",
        Operation::Alter => "Alter",
        Operation::Describe => "Describe",
        Operation::Other => "All",
    };
    let user = user.unwrap_or("NAME");
    format!("kafka-acls.sh --add --allow-principal User:{user} --operation {operation} {resource}")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<prpc_broker::Error> for Failure {
    fn from(error: prpc_broker::Error) -> Self {
        use prpc_broker::Error;
        let text = error.to_string();
        let (reason, next) = match error {
            Error::Url(_) | Error::CaFile(_) => {
                ("InvalidAddress", "Correct the address in spec.broker or in its Secret.")
            }
            Error::Security(_) => {
                ("InvalidSettings", "Correct spec.broker.kafka.security or the Secrets that it names.")
            }
            Error::Connection(_) | Error::Timeout => {
                ("ConnectionFailed", "Check the address, that a server runs there, and network policies.")
            }
            Error::Full(_) => ("WritesRefused", "Free memory or disk on the broker."),
            _ if ["WRONGPASS", "NOAUTH", "AuthenticationFailed", "Password authentication failed"]
                .iter()
                .any(|word| text.contains(word)) =>
            {
                ("AuthenticationFailed", "Correct user and password in the address's Secret.")
            }
            _ if text.contains("NOPERM") => {
                ("PermissionDenied", "Give the user the rights that the operations guide lists.")
            }
            _ => ("Refused", "See the message of the broker."),
        };
        Self::new(reason, text, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(operation: Operation, name: &str) -> Right {
        Right { operation, resource: Resource::Topic(name.into()) }
    }

    #[test]
    fn a_right_that_is_missing_is_told_with_user_resource_and_command() {
        let one = [right(Operation::Write, "prpc_feedback_orders")];
        let failure = Failure::of_kafka(&prpc_kafka_admin::Error::Denied(one[0].clone()), Some("orders"));
        assert_eq!(failure.reason, "PermissionDenied");
        assert_eq!(
            failure.message,
            "user orders has no right to WRITE on topic prpc_feedback_orders. Give it: kafka-acls.sh --add \
             --allow-principal User:orders --operation Write --topic prpc_feedback_orders."
        );
        let two = [one[0].clone(), right(Operation::Read, "prpc_orders")];
        let failure = Failure::lacking(&two, None);
        assert!(failure.message.contains("WRITE on topic prpc_feedback_orders, READ on topic prpc_orders"));
    }

    #[test]
    fn what_only_somebody_can_change_is_told_from_what_passes() {
        use prpc_kafka_admin::Error;
        for (error, refusal) in [
            (Error::Unreachable("x".into()), false),
            (Error::Authentication("x".into()), true),
            (Error::Config("x".into()), true),
            (Error::NoTopic("x".into()), false),
            (Error::Denied(right(Operation::Read, "x")), true),
        ] {
            assert_eq!(Failure::of_kafka(&error, None).is_refusal(), refusal, "{error:?}");
        }
        assert!(!Failure::slow().is_refusal());
    }
}
