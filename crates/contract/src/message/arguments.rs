//! Responsibility: arguments of a call for a host, mostly as they came.

use std::ops::Range;

use bytes::Bytes;

use crate::fault::{Fault, Reason};
use crate::json::{self, Limits, Tape};
use crate::payload;
use crate::value::Value;

/// A tag is one more level around a value, so a text may be twice as deep as the message that it comes from.
const LIMITS: Limits = Limits { bytes: usize::MAX, depth: 1100, values: usize::MAX, digits: usize::MAX };

/// Arguments as they stand in a frame (module `payload`): an array of those by position, a comma, an object of those by
/// name in the order they were sent.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// One after the other they are the text.
    pub pieces: Vec<Piece>,
    /// Whether a value carries a tag.
    pub tagged: bool,
}

/// By position, by name.
pub type ArgumentValues = (Vec<Value>, Vec<(String, Value)>);

/// A part of the text.
#[derive(Debug, Clone)]
pub enum Piece {
    /// As it is.
    Json(Bytes),
    /// A long string, which need not travel as JSON.
    Long {
        /// What it says, in UTF-8.
        text: Bytes,
        /// The string as JSON.
        json: Bytes,
    },
}

impl Arguments {
    /// Writes values, which came in a message of so many bytes.
    pub(crate) fn written(args: &[Value], kwargs: &[(String, Value)], message: usize) -> Self {
        // Most small messages are mostly frame, large ones mostly arguments.
        let mut text = Vec::with_capacity(if message < 4096 { 64 } else { message });
        let (mut tagged, mut long) = (false, Vec::new());
        let mut write = |value: &Value, text: &mut Vec<u8>| {
            let start = text.len();
            tagged |= payload::write(value, text);
            if let Value::Str(words) = value
                && words.len() >= json::LONG
            {
                long.push((start..text.len(), Bytes::copy_from_slice(words.as_bytes())));
            }
        };
        text.push(b'[');
        for (at, value) in args.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            write(value, &mut text);
        }
        text.extend_from_slice(b"],{");
        for (at, (name, value)) in kwargs.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            json::write::string(&mut text, name);
            text.push(b':');
            write(value, &mut text);
        }
        text.push(b'}');
        let mut pieces = Vec::with_capacity(1 + 2 * long.len());
        let text = Bytes::from(text);
        cut(&text, 0..text.len(), long, &mut pieces);
        Self { pieces, tagged }
    }

    /// Reads them.
    ///
    /// # Errors
    /// Never for arguments of a call that was decoded.
    pub fn values(&self) -> Result<ArgumentValues, Fault> {
        let mut text = b"[".to_vec();
        for Piece::Json(json) | Piece::Long { json, .. } in &self.pieces {
            text.extend_from_slice(json);
        }
        text.push(b']');
        let tape = Tape::read(&text, &LIMITS)?;
        let mut parts = tape.root().items().into_iter().flatten();
        let args = parts.next().and_then(|args| args.items());
        let kwargs = parts.next().and_then(|kwargs| kwargs.members());
        let (Some(args), Some(kwargs)) = (args, kwargs) else {
            return Err(Fault::new(Reason::Form, "arguments are an array and an object"));
        };
        let named = |(name, value): (&str, _)| Ok((name.to_owned(), payload::read(value, self.tagged)?));
        let args = args.map(|value| payload::read(value, self.tagged)).collect::<Result<_, _>>()?;
        Ok((args, kwargs.map(named).collect::<Result<_, Fault>>()?))
    }
}

/// Adds the pieces of a part of `text`, given where in it long strings stand and what they say.
pub(crate) fn cut(
    text: &Bytes,
    part: Range<usize>,
    long: impl IntoIterator<Item = (Range<usize>, Bytes)>,
    pieces: &mut Vec<Piece>,
) {
    let mut at = part.start;
    for (place, words) in long {
        pieces.push(Piece::Json(text.slice(at..place.start)));
        pieces.push(Piece::Long { text: words, json: text.slice(place.clone()) });
        at = place.end;
    }
    pieces.push(Piece::Json(text.slice(at..part.end)));
}
