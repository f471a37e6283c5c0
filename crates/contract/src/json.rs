//! Responsibility: JSON text as Python writes and reads it (sections 2 and 9.1).
//!
//! A text becomes a flat tape of nodes in document order. Nothing recurses on the machine stack and a string
//! without escapes borrows from the input.

mod cursor;
mod number;
mod read;
mod string;
pub mod write;

use std::borrow::Cow;
use std::ops::Range;

pub use cursor::{Cursor, Items, Members};

use crate::fault::Fault;

/// What a text may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// `[` and `{` open at any point.
    pub depth: usize,
    /// Values in the text, and values of a message with every reference written out.
    pub values: usize,
    /// Digits of an integer.
    pub digits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, depth: 512, values: 1_000_000, digits: 4300 }
    }
}

/// One step of the tape.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer of machine size.
    Int(i64),
    /// Any other integer, in canonical decimal text.
    BigInt(&'a str),
    /// A number with fraction or exponent, or one of the three literals.
    Float(f64),
    /// A string, or the name of the member that follows.
    Str(Cow<'a, str>),
    /// An array; `end` is the index after its last node.
    Array {
        /// Number of elements.
        len: u32,
        /// Index of the next sibling.
        end: u32,
    },
    /// An object: names and values alternate.
    Object {
        /// Number of members.
        len: u32,
        /// Index of the next sibling.
        end: u32,
    },
}

/// A checked text.
#[derive(Debug, Clone)]
pub struct Tape<'a> {
    nodes: Vec<Node<'a>>,
    top: Vec<u32>,
    long: Vec<LongString>,
}

/// Where a string stands that is no name and takes [`LONG`] bytes or more.
#[derive(Debug, Clone)]
pub(crate) struct LongString {
    /// Index of its node.
    pub(crate) index: usize,
    /// Its bytes in the text, both quotes included.
    pub(crate) place: Range<usize>,
}

/// From here on copying a string twice less is worth the looks that it takes.
pub(crate) const LONG: usize = 8 << 10;

impl<'a> Tape<'a> {
    /// Checks and reads one JSON value.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        read::tape(bytes, limits, false)
    }

    /// Checks and reads an object whose closing bracket is cut off.
    pub(crate) fn read_unclosed(bytes: &'a [u8], limits: &Limits) -> Result<Self, Fault> {
        read::tape(bytes, limits, true)
    }

    /// The value.
    pub fn root(&self) -> Cursor<'_, 'a> {
        Cursor::new(&self.nodes, 0)
    }

    /// Long strings in document order.
    pub(crate) fn long(&self) -> &[LongString] {
        &self.long
    }

    /// Byte offset in the input of the name of the `n`th member of a top-level object.
    pub fn member_offset(&self, n: usize) -> Option<usize> {
        self.top.get(n).map(|at| *at as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Reason;
    use proptest::prelude::*;

    fn limits() -> Limits {
        Limits { bytes: 200, depth: 3, values: 9, digits: 20 }
    }

    fn reason(text: impl AsRef<[u8]>) -> Reason {
        Tape::read(text.as_ref(), &limits()).expect_err("it should be refused").reason
    }

    fn node(text: &str) -> Node<'_> {
        Tape::read(text.as_bytes(), &Limits::default()).unwrap().root().node().clone()
    }

    #[test]
    fn scalars_keep_what_python_tells_apart() {
        assert_eq!(node("-0"), Node::Int(0));
        assert_eq!(node("1E5"), Node::Float(1e5));
        assert_eq!(node("1e999"), Node::Float(f64::INFINITY));
        assert_eq!(node("-Infinity"), Node::Float(f64::NEG_INFINITY));
        assert!(matches!(node("-0.0"), Node::Float(zero) if zero.is_sign_negative()));
        assert_eq!(node("9223372036854775807"), Node::Int(i64::MAX));
        assert_eq!(node("-9223372036854775809"), Node::BigInt("-9223372036854775809"));
        assert_eq!(node(r#""\ud83d\ude00\/\u007f""#), Node::Str("😀/\u{7f}".into()));
    }

    #[test]
    fn members_keep_their_order_and_their_place() {
        let text = "\u{feff} {\"b\": [1, {}], \"a\": 2}\r\n";
        let tape = Tape::read(text.as_bytes(), &Limits::default()).unwrap();
        let names: Vec<_> = tape.root().members().unwrap().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(tape.member_offset(1), text.find("\"a\""));
        assert_eq!(tape.root().get("b").unwrap().items().unwrap().len(), 2);
        assert_eq!(*tape.root().get("a").unwrap().node(), Node::Int(2));
    }

    #[test]
    fn every_fault_of_a_text_has_its_reason() {
        for text in [
            "", " ", "{", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:2}", "01", "-",
            "1.", ".5", "1e", "+1", "nul", "nan", "-Inf", "1 2", "[1}", "\"", "\"\\", "\"\\x\"", "\"\\u12\"",
            "\"\n\"", "'a'", "\u{a0}1", "\u{b}1", "\u{feff}\u{feff}1", "1\0",
        ] {
            assert_eq!(reason(text), Reason::NotJson, "{text:?}");
        }
        for text in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\ud800\u0041""#, r#""\ud800x""#] {
            assert_eq!(reason(text), Reason::Surrogate, "{text}");
        }
        assert_eq!(reason(b"\"\xff\""), Reason::NotUtf8);
        assert_eq!(reason(" ".repeat(201)), Reason::TooLarge);
        assert_eq!(reason("[[[[]]]]"), Reason::TooDeep);
        assert_eq!(reason("[1,2,3,4,5,6,7,8,9]"), Reason::TooMany);
        assert_eq!(reason("123456789012345678901"), Reason::BigNumber);
        assert_eq!(reason(r#"{"a": 1, "\u0061": 2}"#), Reason::DuplicateKey);
    }

    #[test]
    fn a_name_that_occurs_twice_is_found_among_many_and_only_within_one_object() {
        let names =
            |count: usize| (0..count).map(|n| format!("\"{n}\": {{\"0\": 0}}")).collect::<Vec<_>>().join(",");
        let read = |text: String| {
            Tape::read(text.as_bytes(), &Limits::default()).map(|_| ()).map_err(|fault| fault.reason)
        };
        for count in [1, 12, 13, 500] {
            assert_eq!(read(format!("{{{}}}", names(count))), Ok(()));
            assert_eq!(read(format!("{{{}, \"0\": 1}}", names(count))), Err(Reason::DuplicateKey));
        }
    }

    proptest! {
        #[test]
        fn a_written_string_is_ascii_and_reads_back(text in ".*") {
            let mut out = Vec::new();
            write::string(&mut out, &text);
            prop_assert!(out.iter().all(|byte| (b' '..=b'~').contains(byte)));
            let out = String::from_utf8(out).unwrap();
            prop_assert_eq!(node(&out), Node::Str(text.clone().into()));
            let raw = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(node(&raw), Node::Str(text.into()));
        }

        #[test]
        fn what_another_reader_accepts_is_accepted_and_what_it_refuses_is_refused(text in "[\\[\\]{}:,\"\\\\a01e.+\\- tun]{0,12}") {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            let ours = Tape::read(text.as_bytes(), &Limits::default());
            match ours {
                Ok(_) => prop_assert!(other.is_ok() || text.contains('e'), "{:?}", other),
                Err(fault) => prop_assert!(other.is_err() || fault.reason == Reason::DuplicateKey, "{}", fault),
            }
        }
    }
}
