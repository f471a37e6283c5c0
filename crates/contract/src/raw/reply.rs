//! Responsibility: reading a reply (section 7.2).

use crate::fault::{Fault, Reason};
use crate::iso;
use crate::json::{Cursor, Limits, Node, Tape};
use crate::message::{MessageId, Reply};
use crate::payload;
use crate::value::DateTime;

/// Reads a reply. Its values are plain JSON, whatever the function returned.
///
/// # Errors
/// The text is not the document of an answered request.
pub fn read_reply(body: &[u8], limits: &Limits) -> Result<Reply, Fault> {
    let tape = Tape::read(body, limits)?;
    let root = tape.root();
    if root.members().is_none() {
        return Err(Fault::new(Reason::NotMessage, "a reply is a JSON object"));
    }
    let field = |name: &'static str| {
        root.get(name).ok_or_else(|| Fault::new(Reason::Missing, format!("{name} is missing")))
    };
    let text = |name| field(name)?.as_str().ok_or_else(|| wrong(name));
    let moment =
        |name| -> Result<DateTime, Fault> { iso::read_datetime(text(name)?).ok_or_else(|| wrong(name)) };
    let (args, kwargs) = (field("func_args")?, field("func_kwargs")?);
    if args.items().is_none() {
        return Err(wrong("func_args"));
    }
    if kwargs.members().is_none() {
        return Err(wrong("func_kwargs"));
    }
    let result = payload::read(field("result")?, false)?;
    let outcome = match field("exception_info")?.node() {
        Node::Null => Ok(result),
        // The original's client takes an empty text for a success.
        Node::Str(text) if text.is_empty() => Ok(result),
        Node::Str(text) => Err(text.clone().into_owned()),
        _ => return Err(wrong("exception_info")),
    };
    Ok(Reply {
        id: id(field("message_id")?).ok_or_else(|| wrong("message_id"))?,
        outcome,
        function: text("func_name")?.to_owned(),
        args: payload::read(args, false)?,
        kwargs: payload::read(kwargs, false)?,
        created: moment("date_create_message")?,
        done: moment("date_done_message")?,
    })
}

/// The id: `{"hex": …}`, or a text as a server may be told to write it.
fn id(at: Cursor<'_, '_>) -> Option<MessageId> {
    at.get("hex").unwrap_or(at).as_str()?.parse().ok()
}

fn wrong(field: &str) -> Fault {
    Fault::new(Reason::Field, format!("{field} is not what it must be"))
}
