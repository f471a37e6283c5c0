//! Responsibility: numbers of a JSON text.

use super::Node;
use crate::fault::{Fault, Reason};

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Reads the number that starts at `start`; returns it and the offset after it.
pub(super) fn read(text: &str, start: usize, most: usize) -> Result<(Node<'_>, usize), Fault> {
    let bytes = text.as_bytes();
    let bad = || Fault::new(Reason::NotJson, format!("bad number at byte {start}"));
    let first = start + usize::from(bytes[start] == b'-');
    let whole = digits(bytes, first);
    if whole == 0 || (whole > 1 && bytes[first] == b'0') {
        return Err(bad());
    }
    let mut at = first + whole;
    let mut float = false;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(bytes, at + 1);
        if fraction == 0 {
            return Err(bad());
        }
        at += 1 + fraction;
        float = true;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(bytes, at);
        if exponent == 0 {
            return Err(bad());
        }
        at += exponent;
        float = true;
    }
    let number = &text[start..at];
    let node = if float {
        Node::Float(number.parse().map_err(|_| bad())?)
    } else if whole <= 18 {
        let size = bytes[first..at].iter().fold(0_i64, |sum, b| sum * 10 + i64::from(b - b'0'));
        Node::Int(if first > start { -size } else { size })
    } else if whole > most {
        return Err(Fault::new(Reason::BigNumber, format!("integer of {whole} digits at byte {start}")));
    } else {
        number.parse().map_or(Node::BigInt(number), Node::Int)
    };
    Ok((node, at))
}
