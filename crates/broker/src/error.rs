//! What can go wrong with a broker, sorted by what is to be done about it.

use ::redis::{ErrorKind, RedisError};

/// The result of a broker operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The broker's address cannot be used.
    #[error("the broker's address cannot be used: {0}")]
    Url(String),
    /// The file of trusted certificates cannot be used.
    #[error("the file of trusted certificates cannot be used: {0}")]
    CaFile(String),
    /// The settings of encryption or login cannot be used.
    #[error("the settings of encryption or login cannot be used: {0}")]
    Security(String),
    /// There is no usable connection: a new one is needed.
    #[error("no connection to the broker: {0}")]
    Connection(String),
    /// The broker refuses to store anything for now.
    #[error("the broker refuses to write for now: {0}")]
    Full(String),
    /// The queue is not there, or was removed: it must be prepared.
    #[error("the queue is not prepared: {0}")]
    NotPrepared(String),
    /// The broker refuses the operation, and will again.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// There is no such dead letter.
    #[error("there is no such dead letter")]
    NotFound,
    /// The dead letter holds only the beginning of its message.
    #[error("the dead letter does not hold the whole message")]
    Truncated,
    /// Nothing came in time.
    #[error("no reply came in time")]
    Timeout,
    /// The consumer has ended.
    #[error("the consumer has ended")]
    Closed,
}

/// Answers of a server that is not, or no longer, the one to talk to.
const RECONNECT: [&str; 6] = ["READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"];
/// Answers of a server that will take writes again later.
const LATER: [&str; 4] = ["OOM", "NOREPLICAS", "MISCONF", "BUSY"];

impl Error {
    /// Whether the same operation may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Full(_))
    }

    /// Whether the connection it came from must not be used again.
    pub(crate) const fn breaks_connection(&self) -> bool {
        matches!(self, Self::Connection(_))
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => return Self::Connection(text),
            ErrorKind::InvalidClientConfig => return Self::Url(text),
            _ => {}
        }
        // An aborted transaction has several, and in a script the code is only in the text.
        let answers = error.into_server_errors();
        let answers = answers.as_deref().unwrap_or_default();
        let says = |codes: &[&str]| {
            answers.iter().any(|(_, answer)| {
                let text = answer.details().unwrap_or_default();
                codes.iter().any(|code| answer.code() == *code || has_word(text, code))
            })
        };
        if says(&["NOGROUP"]) {
            Self::NotPrepared(text)
        } else if says(&LATER) {
            Self::Full(text)
        } else if says(&RECONNECT) {
            Self::Connection(text)
        } else {
            Self::Refused(text)
        }
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert!(has_word("An error: -OOM command not allowed", "OOM"));
        assert!(!has_word("BUSYGROUP exists", "BUSY"));
    }
}
