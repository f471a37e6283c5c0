//! Responsibility: requests that are written in the usual way, whose arguments go to the host as they came.
//!
//! Members after the arguments are four fifths of a small request: they are compared as text. Arguments without tags mean
//! the same in a frame for hosts, so no values are made of them. Whatever is not quite as usual is left to the
//! general way, so both accept the same and mean the same by it.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use uuid::Uuid;

use super::document::{class, name_fits};
use super::{forms, read};
use crate::json::{Cursor, Limits, LongString, Node, Tape};
use crate::message::{Arguments, Call, Family, MessageId, Piece, ReplyTo, cut};

const BEFORE_ARGS: &[u8] = br#""func_args": {"py/tuple": "#;
const AFTER_ARGS: &[u8] = b"}, ";
const BEFORE_KWARGS: &[u8] = br#""func_kwargs": "#;
const BEFORE_ID: &[u8] = br#", "message_id": {"py/object": "uuid.UUID", "hex": ""#;
const ID: usize = 32;
const BEFORE_MOMENT: &[u8] = br#""}, "date_create_message": {"py/object": "datetime.datetime", "__reduce__": [{"py/type": "datetime.datetime"}, [""#;
const MOMENT: usize = 16;
const AFTER_MOMENT: &[u8] = br#"", {"py/reduce": [{"py/type": "datetime.timezone"}, {"py/tuple": [{"py/reduce": [{"py/type": "datetime.timedelta"}, {"py/tuple": [0, 0, 0]}]}]}]}]]}, "#;
const END: &[u8] = br#""result": null, "exception_info": null, "date_done_message": null}"#;

/// The members that are cut off and not counted have fewer values than this.
const CUT_OFF: usize = 64;

/// The call, if the request is written in the usual way and nothing is wrong with it.
pub(super) fn decode(body: &Bytes, limits: &Limits) -> Option<Call> {
    if body.len() > limits.bytes || body.first() != Some(&b'{') {
        return None;
    }
    let limits = &Limits { values: limits.values.saturating_sub(CUT_OFF), ..*limits };
    let echoed = body.strip_suffix(END)?;
    let (rest, payload) = split_end(echoed.strip_suffix(AFTER_MOMENT)?, MOMENT)?;
    let (rest, hex) = split_end(rest.strip_suffix(BEFORE_MOMENT)?, ID)?;
    let begin = rest.strip_suffix(BEFORE_ID)?;
    let id = Uuid::try_parse_ascii(hex).ok()?;
    let mut moment = [0; 12];
    let length = STANDARD.decode_slice(payload, &mut moment).ok()?;
    forms::datetime(&moment[..length])?;

    // The members cut off stood at the top only if what is left is an object that lacks no more than its bracket.
    let tape = Tape::read_unclosed(begin, limits).ok()?;
    let root = tape.root();
    class(root)?;
    if !root.members()?.map(|(name, _)| name).eq(["py/object", "func_name", "func_args", "func_kwargs"]) {
        return None;
    }
    let function = root.get("func_name")?.as_str().filter(|name| name_fits(name))?;
    let [args] = read::exactly(root.get("func_args")?, ["py/tuple"]).ok()?;
    let kwargs = root.get("func_kwargs")?;
    if args.items().is_none() || kwargs.members().is_none() || !untagged(args) || !untagged(kwargs) {
        return None;
    }
    let (args_at, kwargs_at) = (tape.member_offset(2)?, tape.member_offset(3)?);
    let args = inside(begin, args_at..kwargs_at, BEFORE_ARGS, AFTER_ARGS)?;
    let kwargs = inside(begin, kwargs_at..begin.len(), BEFORE_KWARGS, b"")?;
    let mut pieces = Vec::with_capacity(3 + 2 * tape.long().len());
    cut(body, args.clone(), long(body, &tape, &args), &mut pieces);
    pieces.push(Piece::Json(Bytes::from_static(b",")));
    cut(body, kwargs.clone(), long(body, &tape, &kwargs), &mut pieces);
    Some(Call {
        function: function.to_owned(),
        arguments: Arguments { pieces, tagged: false },
        reply_to: ReplyTo::new(Family::Native, MessageId::from_uuid(id), body.slice(..echoed.len())),
    })
}

/// The part of a range between what it must begin and end with.
fn inside(text: &[u8], range: Range<usize>, before: &[u8], after: &[u8]) -> Option<Range<usize>> {
    text.get(range.clone())?.strip_prefix(before)?.strip_suffix(after)?;
    Some(range.start + before.len()..range.end - after.len())
}

/// The long strings of a part of the message.
fn long(body: &Bytes, tape: &Tape<'_>, part: &Range<usize>) -> impl Iterator<Item = (Range<usize>, Bytes)> {
    let within = tape.long().iter().filter(|long| part.contains(&long.place.start));
    within.filter_map(|LongString { index, place }| match tape.root().jump(*index).node() {
        Node::Str(Cow::Borrowed(text)) => Some((place.clone(), body.slice_ref(text.as_bytes()))),
        Node::Str(Cow::Owned(text)) => Some((place.clone(), Bytes::copy_from_slice(text.as_bytes()))),
        _ => None,
    })
}

/// Whether no text in it can be a tag, neither of messages nor of frames; names of members are texts, too.
fn untagged(at: Cursor<'_, '_>) -> bool {
    at.nodes()
        .iter()
        .all(|node| !matches!(node, Node::Str(text) if text.starts_with("py/") || text.starts_with('$')))
}

fn split_end(text: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.len().checked_sub(length)?)
}
