//! A call on its way through the runtime, and what can become of it.

use bytes::Bytes;
use prpc_broker::Receipt;
use prpc_contract::message::{Call, ReplyTo};
use prpc_contract::value::Value;
use prpc_contract::{json, payload};

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

/// Arguments as they stand in a CALLS frame: `[…], {…}`.
#[derive(Debug)]
pub struct Arguments {
    /// JSON text.
    pub text: Vec<u8>,
    /// Whether a value carries a tag.
    pub tagged: bool,
}

impl Arguments {
    /// Writes the arguments of a call, which came in this message.
    #[must_use]
    pub fn of(call: &Call, message: &Bytes) -> Self {
        // Most small messages are mostly frame, large ones mostly arguments.
        let capacity = if message.len() < 4096 { 64 } else { message.len() };
        let mut text = Vec::with_capacity(capacity);
        let mut tagged = false;
        text.push(b'[');
        for (at, value) in call.args.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            tagged |= payload::write(value, &mut text);
        }
        text.extend_from_slice(b"],{");
        for (at, (name, value)) in call.kwargs.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            json::write::string(&mut text, name);
            text.push(b':');
            tagged |= payload::write(value, &mut text);
        }
        text.push(b'}');
        Self { text, tagged }
    }
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
