//! Responsibility: the fields of a request, their types, and what of them an answer repeats (sections 7.1 and 7.2).

use crate::fault::{Fault, Reason};
use crate::json::write as json;
use crate::json::{Cursor, Members, Node};
use crate::message::MessageId;
use crate::payload;
use crate::value::{Moment, Value};

use super::write::{uuid, write_moment};

/// Most characters of a function's name.
const LONGEST_NAME: usize = 512;

type Values = (String, Vec<Value>, Vec<(String, Value)>);

/// The fields as they stand in the request.
#[derive(Default)]
pub(super) struct Fields<'t, 'a> {
    name: Option<Cursor<'t, 'a>>,
    args: Option<Cursor<'t, 'a>>,
    kwargs: Option<Cursor<'t, 'a>>,
    id: Option<Cursor<'t, 'a>>,
}

impl<'t, 'a> Fields<'t, 'a> {
    pub(super) fn of(members: Members<'t, 'a>) -> Self {
        let mut fields = Self::default();
        for (name, value) in members {
            match name {
                "func_name" => fields.name = Some(value),
                "func_args" => fields.args = Some(value),
                "func_kwargs" => fields.kwargs = Some(value),
                "message_id" => fields.id = Some(value),
                _ => {}
            }
        }
        fields
    }

    /// The id, if it is one.
    pub(super) fn id(&self) -> Option<MessageId> {
        self.id?.as_str()?.parse().ok()
    }

    fn name(&self) -> Option<&'t str> {
        // A character has at least one byte, so short texts need not be counted.
        self.name?.as_str().filter(|name| name.len() <= LONGEST_NAME || name.chars().count() <= LONGEST_NAME)
    }

    /// What is absent: `missing`; what has another type: `field`.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (field, name) in [(self.name, "func_name"), (self.id, "message_id")] {
            if field.is_none() {
                return Err(Fault::new(Reason::Missing, format!("{name} is missing")));
            }
        }
        let wrong = if self.name().is_none() {
            "func_name is no text of at most 512 characters"
        } else if self.args.is_some_and(|args| args.items().is_none()) {
            "func_args is no array"
        } else if self.kwargs.is_some_and(|kwargs| kwargs.members().is_none()) {
            "func_kwargs is no object"
        } else if self.id().is_none() {
            "message_id is no UUID"
        } else {
            return Ok(());
        };
        Err(Fault::new(Reason::Field, wrong))
    }

    /// Function, arguments by position, arguments by name.
    pub(super) fn values(&self) -> Result<Values, Fault> {
        let args = self.args.and_then(|args| args.items()).into_iter().flatten();
        let kwargs = self.kwargs.and_then(|kwargs| kwargs.members()).into_iter().flatten();
        Ok((
            self.name().unwrap_or_default().to_owned(),
            args.map(|value| payload::read(value, false)).collect::<Result<_, _>>()?,
            kwargs
                .map(|(name, value)| Ok((name.to_owned(), payload::read(value, false)?)))
                .collect::<Result<_, Fault>>()?,
        ))
    }

    /// The reply up to `result`, with what is unusable replaced.
    pub(super) fn head(&self, id: MessageId, created: Moment) -> Vec<u8> {
        let mut out = Vec::with_capacity(384);
        out.extend_from_slice(br#"{"func_name": "#);
        json::string(&mut out, self.name().unwrap_or_default());
        out.extend_from_slice(br#", "func_args": "#);
        match self.args.filter(|args| args.items().is_some()) {
            Some(args) => echo(args, &mut out),
            None => out.extend_from_slice(b"[]"),
        }
        out.extend_from_slice(br#", "func_kwargs": "#);
        match self.kwargs.filter(|kwargs| kwargs.members().is_some()) {
            Some(kwargs) => echo(kwargs, &mut out),
            None => out.extend_from_slice(b"{}"),
        }
        out.extend_from_slice(br#", "message_id": "#);
        uuid(id.as_uuid(), &mut out);
        out.extend_from_slice(br#", "date_create_message": "#);
        write_moment(created, &mut out);
        out.extend_from_slice(b", ");
        out
    }
}

/// Appends a value as it was sent; what JSON lacks becomes null. The depth of the recursion is that of the tape.
fn echo(at: Cursor<'_, '_>, out: &mut Vec<u8>) {
    match at.node() {
        Node::Null => json::null(out),
        Node::Bool(truth) => json::bool(out, *truth),
        Node::Int(number) => json::int(out, *number),
        Node::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Node::Float(number) if number.is_finite() => json::float(out, *number),
        Node::Float(_) => json::null(out),
        Node::Str(text) => json::string(out, text),
        Node::Array { .. } => {
            out.push(b'[');
            for (n, item) in at.items().into_iter().flatten().enumerate() {
                separate(n, out);
                echo(item, out);
            }
            out.push(b']');
        }
        Node::Object { .. } => {
            out.push(b'{');
            for (n, (name, value)) in at.members().into_iter().flatten().enumerate() {
                separate(n, out);
                json::name(out, name);
                echo(value, out);
            }
            out.push(b'}');
        }
    }
}

fn separate(n: usize, out: &mut Vec<u8>) {
    if n > 0 {
        out.extend_from_slice(b", ");
    }
}
