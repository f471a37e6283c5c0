//! Responsibility: the members of a message, their types, and what of a refused request an answer can repeat.

use super::read::Reader;
use super::tags::tag;
use super::{forms, write};
use crate::fault::{Fault, Reason};
use crate::json::{Cursor, Limits};
use crate::message::{ClassPath, MessageId, Reply};
use crate::value::{DateTime, Moment, Value};

/// Most characters of a function's name.
const LONGEST_NAME: usize = 512;

const MEMBERS: [&str; 8] = [
    "func_name", "func_args", "func_kwargs", "message_id", "date_create_message", "result", "exception_info",
    "date_done_message",
];
const NAME: usize = 0;
const ARGS: usize = 1;
const KWARGS: usize = 2;
const ID: usize = 3;
const CREATED: usize = 4;
const RESULT: usize = 5;
const EXCEPTION: usize = 6;
const DONE: usize = 7;

/// Function, arguments by position, arguments by name.
pub(super) type Parts = (String, Vec<Value>, Vec<(String, Value)>);

/// A message whose class is accepted.
pub(super) struct Document<'t, 'a> {
    root: Cursor<'t, 'a>,
    class: ClassPath,
    /// The values of `MEMBERS`, as far as they were read without fault.
    values: [Option<Value>; 8],
}

impl<'t, 'a> Document<'t, 'a> {
    /// Not an object of an accepted class: `not-message`.
    pub(super) fn new(root: Cursor<'t, 'a>) -> Result<Self, Fault> {
        let class =
            class(root).ok_or_else(|| Fault::new(Reason::NotMessage, "no message of an accepted class"))?;
        Ok(Self { root, class, values: Default::default() })
    }

    /// Reads every member in document order.
    pub(super) fn read(&mut self, limits: &Limits) -> Result<(), Fault> {
        let mut reader = Reader::new(limits);
        for (name, at) in self.root.members().into_iter().flatten() {
            if name == "py/object" {
                continue;
            }
            if tag(name).is_some() {
                return Err(Fault::new(Reason::Tag, format!("{name} in a message")));
            }
            let value = reader.node(at, 1)?;
            if let Some(place) = MEMBERS.iter().position(|known| *known == name) {
                self.values[place] = Some(value);
            }
        }
        Ok(())
    }

    /// The checks of a request that was read: `missing`, `field`, `already-done`.
    pub(super) fn check_request(&self) -> Result<(), Fault> {
        self.check_fields()?;
        match &self.values[DONE] {
            None | Some(Value::None) => Ok(()),
            Some(_) => Err(Fault::new(Reason::AlreadyDone, "date_done_message is not null")),
        }
    }

    fn check_fields(&self) -> Result<(), Fault> {
        if let Some(missing) = (NAME..=CREATED).find(|place| self.values[*place].is_none()) {
            return Err(Fault::new(Reason::Missing, format!("{} is missing", MEMBERS[missing])));
        }
        (NAME..=CREATED).find(|place| !self.usable(*place)).map_or(Ok(()), |place| Err(wrong(place)))
    }

    /// True if the member was read and has its type.
    fn usable(&self, place: usize) -> bool {
        self.values[place].as_ref().is_some_and(|value| match value {
            Value::Str(name) if place == NAME => name_fits(name),
            Value::List(_) | Value::Tuple(_) => place == ARGS,
            Value::Dict(_) => place == KWARGS,
            Value::Uuid(_) => place == ID,
            Value::DateTime(_) => place == CREATED,
            _ => false,
        })
    }

    /// The id, in its literal form or from behind a reference.
    pub(super) fn id(&self) -> Result<MessageId, Fault> {
        match self.values[ID] {
            Some(Value::Uuid(bytes)) => Ok(MessageId::from_uuid(uuid::Uuid::from_bytes(bytes))),
            _ => Err(wrong(ID)),
        }
    }

    /// The id, if it stands in the message in its literal form, whatever else is wrong.
    pub(super) fn literal_id(&self) -> Option<MessageId> {
        forms::uuid(self.root.get("message_id")?).ok().map(MessageId::from_uuid)
    }

    /// Which member is `result`, if what stands before it can begin the reply: nothing unknown, nothing after the
    /// three members that the reply replaces.
    pub(super) fn result_member(&self) -> Option<usize> {
        let members = self.root.members()?;
        let result = members.len().checked_sub(3)?;
        let last = members.skip(result).map(|(name, _)| name);
        (result == RESULT + 1 && last.eq(MEMBERS[RESULT..].iter().copied())).then_some(result)
    }

    /// The reply up to `result`, with what is unusable replaced.
    pub(super) fn usable_head(&self, id: MessageId, received: Moment) -> Vec<u8> {
        let get = |place: usize| self.values[place].as_ref().filter(|_| self.usable(place));
        let created = get(CREATED).cloned().unwrap_or_else(|| Value::DateTime(received.to_utc()));
        let function = get(NAME).and_then(Value::as_str).unwrap_or_default();
        let head = write::Head { class: self.class, function, id, created: &created };
        let (no_args, no_kwargs) = (Value::Tuple(Vec::new()), Value::Dict(Vec::new()));
        let (args, kwargs) = (get(ARGS).unwrap_or(&no_args), get(KWARGS).unwrap_or(&no_kwargs));
        head.write_echo(args, kwargs)
    }

    /// Takes out what is called.
    pub(super) fn into_call(self) -> Result<Parts, Fault> {
        let [name, args, kwargs, ..] = self.values;
        let function = text(name, NAME)?;
        let Some(Value::List(args) | Value::Tuple(args)) = args else { return Err(wrong(ARGS)) };
        let Some(Value::Dict(members)) = kwargs else { return Err(wrong(KWARGS)) };
        let named = |(key, value)| text(Some(key), KWARGS).map(|key| (key, value));
        let kwargs = members.into_iter().map(named).collect::<Result<_, _>>()?;
        Ok((function, args, kwargs))
    }

    /// The reply. Not done, or without one of its members: `missing` or `field`.
    pub(super) fn into_reply(self) -> Result<Reply, Fault> {
        self.check_fields()?;
        let id = self.id()?;
        let [name, args, kwargs, _, created, result, exception, done] = self.values;
        let missing = |place: usize| Fault::new(Reason::Missing, format!("{} is missing", MEMBERS[place]));
        let result = result.ok_or_else(|| missing(RESULT))?;
        let outcome = match exception.ok_or_else(|| missing(EXCEPTION))? {
            Value::None => Ok(result),
            // The original's client takes an empty text for a success.
            Value::Str(text) if text.is_empty() => Ok(result),
            Value::Str(text) => Err(text),
            _ => return Err(wrong(EXCEPTION)),
        };
        Ok(Reply {
            id,
            outcome,
            function: text(name, NAME)?,
            args: args.ok_or_else(|| missing(ARGS))?,
            kwargs: kwargs.ok_or_else(|| missing(KWARGS))?,
            created: datetime(created, CREATED)?,
            done: datetime(done, DONE)?,
        })
    }
}

/// Whether it can be the name of a function.
pub(super) fn name_fits(name: &str) -> bool {
    // A character has at least one byte, so short texts need not be counted.
    name.len() <= LONGEST_NAME || name.chars().count() <= LONGEST_NAME
}

/// The accepted class that the object names.
pub(super) fn class(root: Cursor<'_, '_>) -> Option<ClassPath> {
    root.get("py/object").and_then(|path| path.as_str()).and_then(ClassPath::from_path)
}

fn text(value: Option<Value>, place: usize) -> Result<String, Fault> {
    match value {
        Some(Value::Str(text)) => Ok(text),
        _ => Err(wrong(place)),
    }
}

fn datetime(value: Option<Value>, place: usize) -> Result<DateTime, Fault> {
    match value {
        Some(Value::DateTime(moment)) => Ok(moment),
        _ => Err(wrong(place)),
    }
}

fn wrong(place: usize) -> Fault {
    Fault::new(Reason::Field, format!("{} is not what it must be", MEMBERS[place]))
}
