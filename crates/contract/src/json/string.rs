//! Responsibility: strings of a JSON text.

use std::borrow::Cow;

use crate::fault::{Fault, Reason};

pub(super) const ONES: u64 = u64::MAX / 255;
pub(super) const HIGHS: u64 = ONES << 7;

/// High bits set where a byte is a quote, a backslash or below a blank; exact for the lowest such byte.
pub(super) fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    (zero(quote) | zero(slash) | (word.wrapping_sub(ONES * 0x20) & !word)) & HIGHS
}

/// How many bytes at the beginning are of blocks in which no byte stops. Without a branch in a block, compilers make vector instructions of it.
pub(super) fn plain_blocks(bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<64>();
    blocks.iter().take_while(|block| !block.iter().fold(false, |found, byte| found | stops(*byte))).count()
        * 64
}

/// Offset of the first byte from `at` that ends a run of plain characters.
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    at += plain_blocks(&bytes[at..], |byte| (byte < 0x20) | (byte == b'"') | (byte == b'\\'));
    while let Some(chunk) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let hits = special(u64::from_le_bytes(word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
        at += 1;
    }
    at
}

/// Reads the string whose quote stands before `start`; returns it and the offset after its closing quote.
pub(super) fn read(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), Fault> {
    let bytes = text.as_bytes();
    let end = plain_until(bytes, start);
    if bytes.get(end) == Some(&b'"') {
        return Ok((Cow::Borrowed(&text[start..end]), end + 1));
    }
    let mut out = String::from(&text[start..end]);
    let mut at = end;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((Cow::Owned(out), at + 1)),
            Some(b'\\') => at = escape(bytes, at + 1, &mut out)?,
            _ => return Err(Fault::new(Reason::NotJson, format!("string not closed at byte {at}"))),
        }
        let run = plain_until(bytes, at);
        out.push_str(&text[at..run]);
        at = run;
    }
}

fn escape(bytes: &[u8], at: usize, out: &mut String) -> Result<usize, Fault> {
    let plain = match bytes.get(at) {
        Some(b'u') => return unicode(bytes, at + 1, out),
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        _ => return Err(Fault::new(Reason::NotJson, format!("bad escape at byte {at}"))),
    };
    out.push(plain);
    Ok(at + 1)
}

fn unicode(bytes: &[u8], at: usize, out: &mut String) -> Result<usize, Fault> {
    let lone = || Fault::new(Reason::Surrogate, format!("lone surrogate at byte {at}"));
    let unit = hex4(bytes, at)?;
    let (code, next) = match unit {
        0xd800..0xdc00 if bytes.get(at + 4..at + 6) == Some(b"\\u") => {
            let low = hex4(bytes, at + 6)?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(lone());
            }
            (0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), at + 10)
        }
        _ => (unit, at + 4),
    };
    out.push(char::from_u32(code).ok_or_else(lone)?);
    Ok(next)
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let bad = || Fault::new(Reason::NotJson, format!("bad escape at byte {at}"));
    let digits = bytes.get(at..at + 4).ok_or_else(bad)?;
    digits.iter().try_fold(0, |code, b| Ok(code << 4 | (*b as char).to_digit(16).ok_or_else(bad)?))
}
