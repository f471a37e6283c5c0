//! Responsibility: the answer to a request: what is kept of the request, and how the reply is completed.

use std::time::SystemTime;

use bytes::Bytes;

use super::{Family, MessageId};
use crate::json::write;
use crate::value::{Moment, Value};
use crate::{native, raw};

/// Where and how to answer a request.
#[derive(Debug, Clone)]
pub struct ReplyTo {
    family: Family,
    id: MessageId,
    head: Bytes,
}

/// What became of a call.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// What the function returned.
    Result(&'a Value),
    /// Why there is no result.
    Error(&'a str),
}

impl ReplyTo {
    /// `head` is the reply document up to its member `result`, the comma and the blank before it included.
    pub(crate) fn new(family: Family, id: MessageId, head: Bytes) -> Self {
        Self { family, id, head }
    }

    /// The family of the request, hence of the reply.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The id of the request.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Appends the reply to `out`. A result that cannot be sent becomes an error that says why; an error without
    /// a text, which clients would take for a success, becomes `error`.
    pub fn write(&self, outcome: Outcome<'_>, done: SystemTime, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.head);
        out.extend_from_slice(br#""result": "#);
        let written = match outcome {
            Outcome::Result(value) => self.write_result(value, out),
            Outcome::Error(text) => Err(text.to_owned()),
        };
        match written {
            Ok(()) => out.extend_from_slice(br#", "exception_info": null"#),
            Err(text) => {
                out.truncate(start + self.head.len());
                out.extend_from_slice(br#""result": null, "exception_info": "#);
                write::string(out, if text.is_empty() { "error" } else { &text });
            }
        }
        out.extend_from_slice(br#", "date_done_message": "#);
        self.write_moment(done.into(), out);
        out.push(b'}');
    }

    fn write_result(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
        match self.family {
            Family::Native => native::write_value(value, out),
            Family::Raw => raw::write_result(value, out),
        }
    }

    fn write_moment(&self, moment: Moment, out: &mut Vec<u8>) {
        match self.family {
            Family::Native => native::write_moment(moment, out),
            Family::Raw => raw::write_moment(moment, out),
        }
    }
}
