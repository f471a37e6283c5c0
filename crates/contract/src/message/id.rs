//! Responsibility: the id of a message and the class path its client knows.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The id of a message, chosen by its client. Shown in canonical text: `8-4-4-4-12` lower case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = uuid::Error;

    /// Reads a UUID in any of its forms: hyphenated, 32 digits, in braces, as a URN.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

/// The class that a native message names. A client can only read replies that name the class of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClassPath {
    /// `prpc.prpcmessage.PRPCMessage`
    Prpc,
    /// `main.prpcmessage.PRPCMessage`, of clients with the older layout.
    Main,
}

impl ClassPath {
    /// The path on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prpc => "prpc.prpcmessage.PRPCMessage",
            Self::Main => "main.prpcmessage.PRPCMessage",
        }
    }

    /// The class of this path, if it is accepted.
    pub fn from_path(path: &str) -> Option<Self> {
        [Self::Prpc, Self::Main].into_iter().find(|class| class.as_str() == path)
    }
}
