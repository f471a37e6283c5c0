//! What a message is, in either family.
//!
//! Responsibility: the types of requests and replies, and the choice of the family's reader and writer.

mod arguments;
mod id;
mod reply_body;
mod reply_to;

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

pub use crate::fault::{Fault, Reason};
pub use crate::json::Limits;
use crate::value::{DateTime, Value};
use crate::{native, raw};
pub(crate) use arguments::cut;
pub use arguments::{ArgumentValues, Arguments, Piece};
pub use id::{ClassPath, MessageId};
pub use reply_body::ReplyBody;
pub use reply_to::{Outcome, ReplyTo};

/// Which of the two message forms a request has; the forms travel apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// The form of the Python client (section 3).
    Native,
    /// Plain JSON (section 7).
    Raw,
}

impl Family {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Native, Self::Raw];

    /// The name used in records, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Raw => "raw",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that can be run.
#[derive(Debug, Clone)]
pub struct Call {
    /// Name of the function, as sent; it may be unknown.
    pub function: String,
    /// What it is called with.
    pub arguments: Arguments,
    /// Where and how to answer.
    pub reply_to: ReplyTo,
}

/// Why a request cannot be run.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What is wrong with the request.
    pub fault: Fault,
    /// Where to send an error reply; `None` if the request must become a dead letter.
    pub reply_to: Option<ReplyTo>,
}

impl Refusal {
    /// The text of the error reply.
    #[must_use]
    pub fn error_text(&self) -> String {
        format!("invalid request: {}", self.fault.reason)
    }
}

impl From<Fault> for Refusal {
    /// A refusal that cannot be answered.
    fn from(fault: Fault) -> Self {
        Self { fault, reply_to: None }
    }
}

/// Reads a request. `received` stands in the reply where the request says no usable time of creation.
///
/// # Errors
/// The request is outside the protocol; the refusal says whether it can be answered.
pub fn decode(family: Family, body: &Bytes, limits: &Limits, received: SystemTime) -> Result<Call, Refusal> {
    match family {
        Family::Native => native::decode(body, limits, received),
        Family::Raw => raw::decode(body, limits, received),
    }
}

/// A request as a client sends it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name of the function.
    pub function: String,
    /// Arguments by position.
    pub args: Vec<Value>,
    /// Arguments by name.
    pub kwargs: Vec<(String, Value)>,
    /// The id under which the reply is found.
    pub id: MessageId,
    /// When the request was made.
    pub created: SystemTime,
}

impl Request {
    /// The native document.
    ///
    /// # Errors
    /// A text that names the argument that cannot be sent.
    pub fn write_native(&self, class: ClassPath) -> Result<Vec<u8>, String> {
        native::write_request(self, class)
    }
}

/// A reply as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The id of the request.
    pub id: MessageId,
    /// The function's result or the text of its error.
    pub outcome: Result<Value, String>,
    /// Name of the function, as the reply repeats it.
    pub function: String,
    /// The arguments by position, as the reply repeats them: a list or a tuple.
    pub args: Value,
    /// The arguments by name, as the reply repeats them: a dict.
    pub kwargs: Value,
    /// When the request was made, by the client's clock.
    pub created: DateTime,
    /// When the call was done, by the server's clock.
    pub done: DateTime,
}

/// Reads a reply.
///
/// # Errors
/// The text is not a reply of this family.
pub fn read_reply(family: Family, body: &[u8], limits: &Limits) -> Result<Reply, Fault> {
    match family {
        Family::Native => native::read_reply(body, limits),
        Family::Raw => raw::read_reply(body, limits),
    }
}
