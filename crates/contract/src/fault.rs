//! Responsibility: the reasons for which a text is refused, as words of the wire protocol (section 9).

use std::borrow::Cow;
use std::fmt;

/// Why a document is refused; the words are those of the protocol's test vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// More bytes than allowed.
    TooLarge,
    /// Not valid UTF-8.
    NotUtf8,
    /// Not one JSON value.
    NotJson,
    /// Too many brackets open at once.
    TooDeep,
    /// Too many values.
    TooMany,
    /// A member name occurs twice in one object.
    DuplicateKey,
    /// An integer with too many digits.
    BigNumber,
    /// An escape for half a surrogate pair.
    Surrogate,
    /// The top level is not a message of an accepted class.
    NotMessage,
    /// A reserved name, class or callee outside the grammar.
    Tag,
    /// An accepted tag with wrong content.
    Form,
    /// A reference to nothing that came before.
    Reference,
    /// A reference to a value that is still open.
    Cycle,
    /// References multiply the message beyond the limit.
    Expansion,
    /// A required field is absent.
    Missing,
    /// A field has the wrong type.
    Field,
    /// The request says that it was answered already.
    AlreadyDone,
}

impl Reason {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotUtf8 => "not-utf8",
            Self::NotJson => "not-json",
            Self::TooDeep => "too-deep",
            Self::TooMany => "too-many",
            Self::DuplicateKey => "duplicate-key",
            Self::BigNumber => "big-number",
            Self::Surrogate => "surrogate",
            Self::NotMessage => "not-message",
            Self::Tag => "tag",
            Self::Form => "form",
            Self::Reference => "reference",
            Self::Cycle => "cycle",
            Self::Expansion => "expansion",
            Self::Missing => "missing",
            Self::Field => "field",
            Self::AlreadyDone => "already-done",
        }
    }

    /// True for text faults that still allow an answer when class and id can be found (section 12).
    pub const fn leaves_message_readable(self) -> bool {
        matches!(self, Self::TooLarge | Self::TooDeep | Self::TooMany | Self::Surrogate | Self::BigNumber)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal without its consequences: the reason and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Fault {
    /// The protocol's reason.
    pub reason: Reason,
    /// For people: what was found.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// A fault with a detail for people.
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
