//! Responsibility: requests whose members after the arguments are written in the usual way, without reading those as JSON.
//!
//! They are four fifths of a small request. Whatever is not quite as usual is left to the general way, so both
//! accept the same and mean the same by it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use uuid::Uuid;

use super::document::Document;
use super::forms;
use crate::json::{Limits, Tape};
use crate::message::{Call, Family, MessageId, ReplyTo};

const BEFORE_ID: &[u8] = br#", "message_id": {"py/object": "uuid.UUID", "hex": ""#;
const ID: usize = 32;
const BEFORE_MOMENT: &[u8] = br#""}, "date_create_message": {"py/object": "datetime.datetime", "__reduce__": [{"py/type": "datetime.datetime"}, [""#;
const MOMENT: usize = 16;
const AFTER_MOMENT: &[u8] = br#"", {"py/reduce": [{"py/type": "datetime.timezone"}, {"py/tuple": [{"py/reduce": [{"py/type": "datetime.timedelta"}, {"py/tuple": [0, 0, 0]}]}]}]}]]}, "#;
const END: &[u8] = br#""result": null, "exception_info": null, "date_done_message": null}"#;

/// The beginning is copied, and so long a text has fewer values than any limit.
const LONGEST: usize = 64 << 10;

/// The call, if the request is written in the usual way and nothing is wrong with it.
pub(super) fn decode(body: &Bytes, limits: &Limits) -> Option<Call> {
    if body.len() > LONGEST.min(limits.bytes).min(limits.values) || body.first() != Some(&b'{') {
        return None;
    }
    let echoed = body.strip_suffix(END)?;
    let (rest, payload) = split_end(echoed.strip_suffix(AFTER_MOMENT)?, MOMENT)?;
    let (rest, hex) = split_end(rest.strip_suffix(BEFORE_MOMENT)?, ID)?;
    let begin = rest.strip_suffix(BEFORE_ID)?;
    let id = Uuid::try_parse_ascii(hex).ok()?;
    let mut moment = [0; 12];
    let length = STANDARD.decode_slice(payload, &mut moment).ok()?;
    forms::datetime(&moment[..length])?;
    // It is an object of its own only if the members cut off stood at the top.
    let begin = [begin, b"}"].concat();
    let tape = Tape::read(&begin, limits).ok()?;
    let mut document = Document::new(tape.root()).ok()?;
    document.read(limits).ok()?;
    let (function, args, kwargs) = document.into_call_without_rest()?;
    let reply_to = ReplyTo::new(Family::Native, MessageId::from_uuid(id), body.slice(..echoed.len()));
    Some(Call { function, args, kwargs, reply_to })
}

fn split_end(text: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.len().checked_sub(length)?)
}
