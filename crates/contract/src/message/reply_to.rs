//! Responsibility: the answer to a request: what is kept of the request, and how the reply is completed.

use std::time::SystemTime;

use bytes::Bytes;

use super::{Family, MessageId, ReplyBody};
use crate::json::{LONG, write};
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

/// What stands between the head and a text.
const BEFORE_TEXT: &[u8] = br#""result": ""#;

/// Bytes of what follows the head, usually and without long texts.
const USUAL_REST: usize = 512;

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

    /// The reply. A result that cannot be sent becomes an error that says why; an error without a text, which clients would
    /// take for a success, becomes `error`.
    #[must_use]
    pub fn reply(&self, outcome: Result<Value, String>, done: SystemTime) -> ReplyBody {
        let mut rest = Vec::with_capacity(USUAL_REST);
        let head = self.head.clone();
        match outcome {
            Ok(Value::Str(text)) if text.len() >= LONG && write::is_plain(&text) => {
                rest.push(b'"');
                self.write_end(None, done, &mut rest);
                ReplyBody::new([head, Bytes::from_static(BEFORE_TEXT), text.into(), rest.into()])
            }
            outcome => {
                self.write_rest(
                    outcome.as_ref().map_or_else(|text| Outcome::Error(text), Outcome::Result),
                    done,
                    &mut rest,
                );
                ReplyBody::new([head, rest.into(), Bytes::new(), Bytes::new()])
            }
        }
    }

    /// Appends the reply to `out`.
    pub fn write(&self, outcome: Outcome<'_>, done: SystemTime, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        self.write_rest(outcome, done, out);
    }

    fn write_rest(&self, outcome: Outcome<'_>, done: SystemTime, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(br#""result": "#);
        let written = match outcome {
            Outcome::Result(value) => self.write_result(value, out),
            Outcome::Error(text) => Err(text.to_owned()),
        };
        if written.is_err() {
            out.truncate(start);
            out.extend_from_slice(br#""result": null"#);
        }
        self.write_end(written.err().as_deref(), done, out);
    }

    /// Appends what follows the result.
    fn write_end(&self, error: Option<&str>, done: SystemTime, out: &mut Vec<u8>) {
        out.extend_from_slice(br#", "exception_info": "#);
        match error {
            None => write::null(out),
            Some(text) => write::string(out, if text.is_empty() { "error" } else { text }),
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
