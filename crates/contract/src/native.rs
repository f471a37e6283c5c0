//! Native messages: the jsonpickle documents of Python clients (sections 3 to 6), read by a closed grammar (section 9).
//!
//! Responsibility: from a request's bytes to a call, from a reply's bytes to its outcome, and the documents themselves.
//! Nothing that a document names is ever looked up or run.

mod document;
mod forms;
mod read;
mod scan;
mod tags;
mod usual;
mod write;

use std::time::SystemTime;

use bytes::Bytes;

use crate::fault::Fault;
use crate::json::{Limits, Tape};
use crate::message::{Arguments, Call, ClassPath, Family, Refusal, Reply, ReplyTo, Request};
use crate::value::{Moment, Value};
use document::Document;
pub(crate) use write::write_moment;
pub use write::write_value;

/// Reads a request. `received` stands in the reply where the request says no usable time of creation.
///
/// # Errors
/// The request is outside the grammar; it can be answered if its class and a literal id can be read.
pub fn decode(body: &Bytes, limits: &Limits, received: SystemTime) -> Result<Call, Refusal> {
    if let Some(call) = usual::decode(body, limits) {
        return Ok(call);
    }
    let tape = Tape::read(body, limits).map_err(|fault| refuse_text(fault, body, received.into()))?;
    let mut document = Document::new(tape.root())?;
    let checked = document.read(limits).and_then(|()| document.check_request());
    if let Err(fault) = checked {
        let reply_to = document
            .literal_id()
            .map(|id| ReplyTo::new(Family::Native, id, document.usable_head(id, received.into()).into()));
        return Err(Refusal { fault, reply_to });
    }
    let id = document.id()?;
    let head = match document.result_member() {
        Some(member) => {
            let from = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            body.slice(from..tape.member_offset(member).unwrap_or(from))
        }
        None => document.usable_head(id, received.into()).into(),
    };
    let (function, args, kwargs) = document.into_call()?;
    let arguments = Arguments::written(&args, &kwargs, body.len());
    Ok(Call { function, arguments, reply_to: ReplyTo::new(Family::Native, id, head) })
}

fn refuse_text(fault: Fault, body: &[u8], received: Moment) -> Refusal {
    let addressee = if fault.reason.leaves_message_readable() { scan::addressee(body) } else { None };
    let reply_to = addressee.map(|(class, id)| {
        let created = Value::DateTime(received.to_utc());
        let head = write::Head { class, function: "", id, created: &created };
        let no_args = Value::Tuple(Vec::new());
        ReplyTo::new(Family::Native, id, head.write_echo(&no_args, &Value::Dict(Vec::new())).into())
    });
    Refusal { fault, reply_to }
}

/// Reads a reply.
///
/// # Errors
/// The text is not the document of an answered request.
pub fn read_reply(body: &[u8], limits: &Limits) -> Result<Reply, Fault> {
    let tape = Tape::read(body, limits)?;
    let mut document = Document::new(tape.root())?;
    document.read(limits)?;
    document.into_reply()
}

/// The document of a request. Arguments by position are sent as a tuple.
///
/// # Errors
/// A text that names what cannot be sent.
pub fn write_request(request: &Request, class: ClassPath) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(640);
    let created = Value::DateTime(Moment::from(request.created).to_utc());
    write::Head { class, function: &request.function, id: request.id, created: &created }.write(
        &mut out,
        &|writer, out| writer.tuple(&request.args, 0, out),
        &|writer, out| writer.members(&request.kwargs, 0, out),
    )?;
    out.extend_from_slice(br#""result": null, "exception_info": null, "date_done_message": null}"#);
    Ok(out)
}
