//! Responsibility: the name of a queue, and the names it has on the broker (sections 1.1 and 1.2).

use std::fmt;
use std::str::FromStr;

use crate::message::Family;

/// The queue of whoever names none.
pub const DEFAULT_QUEUE: &str = "task_prpc";

/// The consumer group of whoever names none.
pub const DEFAULT_GROUP: &str = "prpc_group_consumers";

/// The field of a stream entry that holds the message.
pub const MESSAGE_FIELD: &str = "message";

/// Most characters of a queue's name.
const LONGEST: usize = 200;

/// A queue so named would share streams or reply keys with another queue.
const TAKEN_PREFIXES: [&str; 2] = ["raw_", "feedback_"];

/// The name of a queue, without the prefixes it has on the broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName(String);

/// Why a text cannot be the name of a queue, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQueueName {
    /// No text at all.
    #[error("the queue name is empty: give it at least one character, or leave it out for {DEFAULT_QUEUE}")]
    Empty,
    /// Too many characters.
    #[error("the queue name has {0} characters: shorten it to at most {LONGEST}")]
    TooLong(usize),
    /// A blank or a control character.
    #[error("the queue name {name:?} holds {character:?}: leave out blanks and control characters")]
    Character {
        /// The whole name.
        name: String,
        /// The first character that cannot be.
        character: char,
    },
    /// The beginning belongs to names of other queues.
    #[error(
        "the queue name {name:?} would share names with the queue {other:?}: do not begin it with {prefix}"
    )]
    Prefix {
        /// The whole name.
        name: String,
        /// Its beginning.
        prefix: &'static str,
        /// What follows.
        other: String,
    },
}

impl QueueName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for QueueName {
    type Error = InvalidQueueName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() {
            return Err(InvalidQueueName::Empty);
        }
        let length = name.chars().count();
        if length > LONGEST {
            return Err(InvalidQueueName::TooLong(length));
        }
        if let Some(character) = name.chars().find(|char| char.is_control() || char.is_whitespace()) {
            return Err(InvalidQueueName::Character { name, character });
        }
        for prefix in TAKEN_PREFIXES {
            if let Some(other) = name.strip_prefix(prefix) {
                let other = other.to_owned();
                return Err(InvalidQueueName::Prefix { name, prefix, other });
            }
        }
        Ok(Self(name))
    }
}

impl FromStr for QueueName {
    type Err = InvalidQueueName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.to_owned().try_into()
    }
}

impl Default for QueueName {
    fn default() -> Self {
        Self(DEFAULT_QUEUE.to_owned())
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names that belong to one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    /// Requests in the native form.
    pub native: String,
    /// Requests in the raw form.
    pub raw: String,
    /// What comes before the message id in the name of a native reply.
    pub reply_native_prefix: String,
    /// What comes before the message id in the name of a raw reply.
    pub reply_raw_prefix: String,
    /// Replies in the native form on Kafka, where all of a queue share a topic.
    pub feedback_native: String,
    /// Replies in the raw form on Kafka.
    pub feedback_raw: String,
    /// Dead letters.
    pub dead: String,
    /// Held by the one worker that looks for abandoned requests.
    pub reclaim_lock: String,
    /// Attempts of the requests that were started more than once.
    pub attempts: String,
}

impl QueueNames {
    /// The names of the queue `queue`.
    #[must_use]
    pub fn new(queue: &QueueName) -> Self {
        Self {
            native: format!("prpc_{queue}"),
            raw: format!("prpc_raw_{queue}"),
            reply_native_prefix: format!("prpc_feedback_{queue}_"),
            reply_raw_prefix: format!("prpc_feedback_raw_{queue}_"),
            feedback_native: format!("prpc_feedback_{queue}"),
            feedback_raw: format!("prpc_feedback_raw_{queue}"),
            dead: format!("prpc_dead_{queue}"),
            reclaim_lock: format!("prpc_reclaim_{queue}"),
            attempts: format!("prpc_attempts_{queue}"),
        }
    }

    /// Where the requests of a family are.
    #[must_use]
    pub fn requests(&self, family: Family) -> &str {
        match family {
            Family::Native => &self.native,
            Family::Raw => &self.raw,
        }
    }

    /// Where the reply to a message is.
    #[must_use]
    pub fn reply(&self, family: Family, message_id: &str) -> String {
        let prefix = match family {
            Family::Native => &self.reply_native_prefix,
            Family::Raw => &self.reply_raw_prefix,
        };
        format!("{prefix}{message_id}")
    }

    /// The topic of a family's replies on Kafka.
    #[must_use]
    pub fn feedback(&self, family: Family) -> &str {
        match family {
            Family::Native => &self.feedback_native,
            Family::Raw => &self.feedback_raw,
        }
    }

    /// The family whose requests are in `key`.
    pub fn family_of(&self, key: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| self.requests(*family) == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol() {
        let names = QueueNames::new(&QueueName::default());
        assert_eq!(names.requests(Family::Native), "prpc_task_prpc");
        assert_eq!(names.requests(Family::Raw), "prpc_raw_task_prpc");
        assert_eq!(names.reply(Family::Native, "a"), "prpc_feedback_task_prpc_a");
        assert_eq!(names.reply(Family::Raw, "a"), "prpc_feedback_raw_task_prpc_a");
        assert_eq!(names.feedback(Family::Native), "prpc_feedback_task_prpc");
        assert_eq!(names.feedback(Family::Raw), "prpc_feedback_raw_task_prpc");
        assert_eq!(names.family_of("prpc_raw_task_prpc"), Some(Family::Raw));
        assert_eq!(names.family_of("other"), None);
    }

    #[test]
    fn a_name_that_cannot_be_is_refused_with_the_reason_and_what_to_do() {
        for (name, words) in [
            ("", ["is empty", "give it at least one character"]),
            (&"q".repeat(201), ["201 characters", "at most 200"]),
            ("two words", ["\"two words\" holds ' '", "leave out blanks"]),
            ("line\n", ["holds '\\n'", "control characters"]),
            ("no\u{a0}break", ["holds '\\u{a0}'", "blanks"]),
            ("raw_mail", ["the queue \"mail\"", "do not begin it with raw_"]),
            ("feedback_mail", ["the queue \"mail\"", "do not begin it with feedback_"]),
        ] {
            let error = name.parse::<QueueName>().unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }

    #[test]
    fn any_other_name_is_kept_as_it_is() {
        for name in ["task_prpc", "почта", "a:b/c.d-{e}", "mail_raw_", &"ü".repeat(200)] {
            let queue: QueueName = name.parse().unwrap();
            assert_eq!((queue.as_str(), queue.to_string().as_str()), (name, name));
        }
    }
}
