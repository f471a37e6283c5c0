//! Responsibility: from text to tape, with every text check of section 9.1.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Cursor, LONG, Limits, LongString, Node, Tape, number, string};
use crate::fault::{Fault, Reason};

/// Up to this many members, comparing each with each is cheaper than hashing.
const FEW_MEMBERS: usize = 12;

/// Up to this many nodes are allocated before they are seen.
const FEW_NODES: usize = 4096;

pub(super) fn tape<'a>(bytes: &'a [u8], limits: &Limits, unclosed: bool) -> Result<Tape<'a>, Fault> {
    if bytes.len() > limits.bytes.min(u32::MAX as usize) {
        return Err(Fault::new(Reason::TooLarge, format!("{} bytes", bytes.len())));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|fault| Fault::new(Reason::NotUtf8, format!("not UTF-8 at byte {}", fault.valid_up_to())))?;
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let nodes = Vec::with_capacity((bytes.len() / 6).min(FEW_NODES));
    let (open, top) = (Vec::with_capacity(16), Vec::with_capacity(16));
    Reader { text, at, nodes, open, top, long: Vec::new(), values: 0, limits, unclosed }.document()
}

struct Reader<'a, 'l> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node<'a>>,
    open: Vec<usize>,
    top: Vec<u32>,
    long: Vec<LongString>,
    values: usize,
    limits: &'l Limits,
    /// The end of the text closes the outermost object.
    unclosed: bool,
}

impl<'a> Reader<'a, '_> {
    fn document(mut self) -> Result<Tape<'a>, Fault> {
        loop {
            if self.value()? {
                continue;
            }
            loop {
                let byte = self.peek();
                let Some(&holder) = self.open.last() else {
                    return match byte {
                        None => Ok(Tape { nodes: self.nodes, top: self.top, long: self.long }),
                        Some(_) => Err(self.bad("text after the value")),
                    };
                };
                let object = self.grow(holder);
                match byte {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => self.close()?,
                    Some(b']') if !object => self.close()?,
                    None if object && self.unclosed && self.open.len() == 1 => self.close()?,
                    _ => return Err(self.bad("comma or closing bracket expected")),
                }
            }
        }
    }

    /// Reads a scalar or an opening bracket; true if the first value inside the bracket comes next.
    fn value(&mut self) -> Result<bool, Fault> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(Fault::new(Reason::TooMany, format!("more than {} values", self.limits.values)));
        }
        let node = match self.peek() {
            Some(b'{') => {
                self.open(Node::Object { len: 0, end: 0 })?;
                return if self.peek() == Some(b'}') {
                    self.close().map(|()| false)
                } else {
                    self.key().map(|()| true)
                };
            }
            Some(b'[') => {
                self.open(Node::Array { len: 0, end: 0 })?;
                return if self.peek() == Some(b']') { self.close().map(|()| false) } else { Ok(true) };
            }
            Some(b'"') => {
                let start = self.at;
                let text = self.string()?;
                if self.at - start >= LONG {
                    self.long.push(LongString { index: self.nodes.len(), place: start..self.at });
                }
                Node::Str(text)
            }
            Some(b'-') if self.text.as_bytes().get(self.at + 1) != Some(&b'I') => self.number()?,
            Some(b'0'..=b'9') => self.number()?,
            _ => self.literal()?,
        };
        self.nodes.push(node);
        Ok(false)
    }

    fn open(&mut self, node: Node<'a>) -> Result<(), Fault> {
        if self.open.len() >= self.limits.depth {
            return Err(Fault::new(
                Reason::TooDeep,
                format!("more than {} brackets open", self.limits.depth),
            ));
        }
        self.at += 1;
        self.open.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// Counts one more part of an open bracket; true if it is an object.
    fn grow(&mut self, holder: usize) -> bool {
        match &mut self.nodes[holder] {
            Node::Object { len, .. } => {
                *len += 1;
                true
            }
            Node::Array { len, .. } => {
                *len += 1;
                false
            }
            _ => false,
        }
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let Some(holder) = self.open.pop() else { return Err(self.bad("nothing to close")) };
        let after = self.nodes.len() as u32;
        match &mut self.nodes[holder] {
            Node::Array { end, .. } => *end = after,
            Node::Object { end, .. } => {
                *end = after;
                return self.names_differ(holder);
            }
            _ => {}
        }
        Ok(())
    }

    fn names_differ(&self, holder: usize) -> Result<(), Fault> {
        let Some(mut members) = Cursor::new(&self.nodes, holder).members() else { return Ok(()) };
        let twice = if members.len() <= FEW_MEMBERS {
            let mut seen = [""; FEW_MEMBERS];
            (0..).zip(members).find_map(|(n, (name, _))| {
                let known = seen[..n].contains(&name);
                seen[n] = name;
                known.then_some(name)
            })
        } else {
            let mut seen = HashSet::with_capacity(members.len());
            members.find_map(|(name, _)| (!seen.insert(name)).then_some(name))
        };
        twice.map_or(Ok(()), |name| {
            let start: String = name.chars().take(64).collect();
            Err(Fault::new(Reason::DuplicateKey, format!("member {start:?} twice")))
        })
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.bad("member name expected"));
        }
        if self.open.len() == 1 {
            self.top.push(self.at as u32);
        }
        let name = self.string()?;
        self.nodes.push(Node::Str(name));
        if self.peek() != Some(b':') {
            return Err(self.bad("colon expected"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let (text, next) = string::read(self.text, self.at + 1)?;
        self.at = next;
        Ok(text)
    }

    fn number(&mut self) -> Result<Node<'a>, Fault> {
        let (node, next) = number::read(self.text, self.at, self.limits.digits)?;
        self.at = next;
        Ok(node)
    }

    fn literal(&mut self) -> Result<Node<'a>, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let (word, node) = match rest.first() {
            Some(b'n') => ("null", Node::Null),
            Some(b't') => ("true", Node::Bool(true)),
            Some(b'f') => ("false", Node::Bool(false)),
            Some(b'N') => ("NaN", Node::Float(f64::NAN)),
            Some(b'I') => ("Infinity", Node::Float(f64::INFINITY)),
            Some(b'-') => ("-Infinity", Node::Float(f64::NEG_INFINITY)),
            _ => return Err(self.bad("value expected")),
        };
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.bad("value expected"));
        }
        self.at += word.len();
        Ok(node)
    }

    /// The next byte that is not a blank.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn bad(&self, what: &str) -> Fault {
        Fault::new(Reason::NotJson, format!("{what} at byte {}", self.at))
    }
}
