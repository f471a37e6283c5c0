//! Responsibility: JSON text in the layout of Python's `json.dumps`.

use std::io::Write;

use super::string::{HIGHS, ONES, plain_blocks, special};

/// A value between quotes, everything outside printable ASCII escaped.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let run = plain_run(&bytes[start..]);
        out.extend_from_slice(&bytes[start..start + run]);
        start += run;
        if let Some(char) = text[start..].chars().next() {
            escape(out, char);
            start += char.len_utf8();
        }
    }
    out.push(b'"');
}

/// Whether the text stands between the quotes as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    plain_run(text.as_bytes()) == text.len()
}

/// How many bytes at the beginning need no escape.
fn plain_run(bytes: &[u8]) -> usize {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
    let blocks = plain_blocks(bytes, |byte| !plain(byte));
    let bytes = &bytes[blocks..];
    let (words, _) = bytes.as_chunks::<8>();
    let escaped = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        // A word of plain ASCII does not overflow here; 0x7f does.
        (special(word) | word | word.wrapping_add(ONES)) & HIGHS
    };
    let whole = words.iter().take_while(|word| escaped(word) == 0).count() * 8;
    blocks + whole + bytes[whole..].iter().take_while(|byte| plain(**byte)).count()
}

fn escape(out: &mut Vec<u8>, char: char) {
    let short = match char {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(b"0123456789abcdef"[usize::from(*unit >> shift & 15)]);
                }
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// An integer.
pub fn int(out: &mut Vec<u8>, number: i64) {
    display(out, format_args!("{number}"));
}

/// A float in Python's `repr` form or as one of the literals `NaN`, `Infinity`, `-Infinity`.
pub fn float(out: &mut Vec<u8>, number: f64) {
    if number.is_finite() {
        out.extend_from_slice(crate::value::float_repr(number).as_bytes());
    } else if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if number > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
}

/// `null`
pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// `true` or `false`
pub fn bool(out: &mut Vec<u8>, truth: bool) {
    out.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// A member name with its colon.
pub fn name(out: &mut Vec<u8>, name: &str) {
    string(out, name);
    out.extend_from_slice(b": ");
}

/// Parts between brackets, separated by a comma and a blank.
pub fn list<T, E>(
    out: &mut Vec<u8>,
    brackets: [u8; 2],
    parts: impl IntoIterator<Item = T>,
    mut part: impl FnMut(&mut Vec<u8>, T) -> Result<(), E>,
) -> Result<(), E> {
    out.push(brackets[0]);
    for (n, item) in parts.into_iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(b", ");
        }
        part(out, item)?;
    }
    out.push(brackets[1]);
    Ok(())
}

/// Text that needs no escapes.
pub fn display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}
