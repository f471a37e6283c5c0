//! Raw messages: plain JSON from clients in any language (section 7).
//!
//! Responsibility: from a request's bytes to a call, from a reply's bytes to its outcome, and the documents themselves.

mod fields;
mod reply;
mod scan;
mod write;

use std::time::SystemTime;

use bytes::Bytes;

use crate::fault::{Fault, Reason};
use crate::json::write as json;
use crate::json::{Limits, Tape};
use crate::message::{Arguments, Call, Family, Refusal, ReplyTo, Request};
use fields::Fields;
pub use reply::read_reply;
pub(crate) use write::write_moment;
pub use write::write_result;

/// Reads a request. `received` stands in the reply as the time of creation.
///
/// # Errors
/// The request is outside the protocol; it can be answered if its id can be read.
pub fn decode(body: &Bytes, limits: &Limits, received: SystemTime) -> Result<Call, Refusal> {
    let tape = Tape::read(body, limits).map_err(|fault| refuse_text(fault, body, received))?;
    let Some(members) = tape.root().members() else {
        return Err(Fault::new(Reason::NotMessage, "a request is a JSON object").into());
    };
    let fields = Fields::of(members);
    let reply_to =
        fields.id().map(|id| ReplyTo::new(Family::Raw, id, fields.head(id, received.into()).into()));
    let checked = fields.check().and_then(|()| fields.values());
    match (checked, reply_to) {
        (Ok((function, args, kwargs)), Some(reply_to)) => {
            Ok(Call { function, arguments: Arguments::written(&args, &kwargs, body.len()), reply_to })
        }
        (Ok(_), None) => Err(Fault::new(Reason::Field, "message_id is no UUID").into()),
        (Err(fault), reply_to) => Err(Refusal { fault, reply_to }),
    }
}

fn refuse_text(fault: Fault, body: &[u8], received: SystemTime) -> Refusal {
    let id = if fault.reason.leaves_message_readable() { scan::message_id(body) } else { None };
    let head = |id| Fields::default().head(id, received.into());
    Refusal { fault, reply_to: id.map(|id| ReplyTo::new(Family::Raw, id, head(id).into())) }
}

/// The document of a request. Its arguments become plain JSON as results do.
///
/// # Errors
/// A text that names what cannot be sent.
pub fn write_request(request: &Request) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(br#"{"func_name": "#);
    json::string(&mut out, &request.function);
    out.extend_from_slice(br#", "func_args": "#);
    json::list(&mut out, *b"[]", &request.args, |out, value| write_result(value, out))?;
    out.extend_from_slice(br#", "func_kwargs": "#);
    json::list(&mut out, *b"{}", &request.kwargs, |out, (name, value)| {
        json::name(out, name);
        write_result(value, out)
    })?;
    json::display(&mut out, format_args!(r#", "message_id": "{}"}}"#, request.id));
    Ok(out)
}
