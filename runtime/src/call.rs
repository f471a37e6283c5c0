//! A call on its way through the runtime, and what can become of it.

use bytes::Bytes;
use prpc_broker::Receipt;
use prpc_contract::message::{Arguments, ReplyTo};
use prpc_contract::value::Value;

/// A call of a registered function that was taken from the broker.
#[derive(Debug)]
pub struct Job {
    /// Place of the function in the program.
    pub function: usize,
    /// For the host.
    pub arguments: Arguments,
    /// For the broker.
    pub receipt: Receipt,
    /// For the caller.
    pub reply_to: ReplyTo,
    /// The message as it came, for a dead letter.
    pub body: Bytes,
}

/// What becomes of a call that was taken from the broker. Each gets exactly one.
#[derive(Debug)]
pub enum Ending {
    /// The caller gets a value or the text of an error.
    Answer {
        /// For the broker.
        receipt: Receipt,
        /// For the caller.
        reply_to: ReplyTo,
        /// The value, or the text of an error.
        outcome: Result<Value, String>,
    },
    /// It is set aside for people to look at.
    DeadLetter {
        /// For the broker.
        receipt: Receipt,
        /// One word.
        reason: &'static str,
        /// The message as it came.
        body: Bytes,
        /// The text of an error, if the caller can be reached.
        reply: Option<(ReplyTo, String)>,
    },
    /// Another consumer gets it.
    HandBack {
        /// For the broker.
        receipt: Receipt,
        /// Whether it ran already, so that the attempt counts.
        started: bool,
        /// The message as it came.
        body: Bytes,
    },
}
