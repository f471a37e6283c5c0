//! Responsibility: whom to answer when a text is refused before it could be read as a request (section 12).

use crate::json::{Limits, Tape};
use crate::message::MessageId;

/// The id at the top level, if a look at brackets and strings alone finds it exactly once.
pub(super) fn message_id(body: &[u8]) -> Option<MessageId> {
    let mut found = None;
    let (mut at, mut depth, mut name, mut value) = (0, 0_usize, &body[..0], None);
    loop {
        match body.get(at)? {
            b'"' => {
                let end = closing_quote(body, at + 1)?;
                if depth == 1 && value.is_none() {
                    name = &body[at + 1..end];
                }
                at = end;
            }
            b'{' | b'[' => depth += 1,
            b':' if depth == 1 => value = Some(at + 1),
            byte @ (b',' | b'}' | b']') if depth == 1 => {
                if name == b"message_id" {
                    let id = read(body.get(value?..at)?)?;
                    if found.replace(id).is_some() {
                        return None;
                    }
                }
                if *byte != b',' {
                    return found;
                }
                (name, value) = (&body[..0], None);
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
}

fn closing_quote(body: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while *body.get(at)? != b'"' {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

fn read(text: &[u8]) -> Option<MessageId> {
    Tape::read(text, &Limits::default()).ok()?.root().as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c0ffee00-1234-4abc-8def-0123456789ab";

    fn found(text: &str) -> Option<String> {
        message_id(text.replace("ID", ID).as_bytes()).map(|id| id.to_string())
    }

    #[test]
    fn the_only_id_at_the_top_level_is_found() {
        for text in [
            r#"{"message_id": "ID"}"#,
            r#"{"a": [{"message_id": "no"}], "message_id": "ID", "b": "\"}"}"#,
            r#"{"a": "message_id", "message_id" : "{ID}" }"#,
        ] {
            assert_eq!(found(text).as_deref(), Some(ID), "{text}");
        }
    }

    #[test]
    fn no_id_is_found_where_it_is_ambiguous_or_the_text_is_cut() {
        for text in [
            "",
            "]",
            r#"["message_id"]"#,
            r#"{"message_id": "ID""#,
            r#"{"message_id": "ID", "message_id": "ID"}"#,
            r#"{"message_id": ["ID"]}"#,
            r#"{"message_id": "ID\"#,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
