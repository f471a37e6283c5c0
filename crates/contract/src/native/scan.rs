//! Responsibility: whom to answer when a text is refused before it could be read as a message (section 12).

use super::forms;
use crate::json::{Limits, Tape};
use crate::message::{ClassPath, MessageId};

/// Class and literal id at the top level, if a look at brackets and strings alone finds each exactly once.
pub(super) fn addressee(body: &[u8]) -> Option<(ClassPath, MessageId)> {
    let mut scan = Scan { body, at: 0, depth: 0, name: &[], value: None, class: None, id: None };
    while scan.at < body.len() {
        match body[scan.at] {
            b'"' => scan.string()?,
            b'{' | b'[' => scan.depth += 1,
            b'}' | b']' => {
                if scan.depth == 1 {
                    scan.member()?;
                    return scan.class.zip(scan.id);
                }
                scan.depth = scan.depth.checked_sub(1)?;
            }
            b':' if scan.depth == 1 => scan.value = Some(scan.at + 1),
            b',' if scan.depth == 1 => scan.member()?,
            _ => {}
        }
        scan.at += 1;
    }
    None
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
    depth: usize,
    /// Name of the member at the top level that is being read.
    name: &'a [u8],
    /// Where its value begins.
    value: Option<usize>,
    class: Option<ClassPath>,
    id: Option<MessageId>,
}

impl Scan<'_> {
    /// Goes to the closing quote.
    fn string(&mut self) -> Option<()> {
        let start = self.at + 1;
        self.at = start;
        while *self.body.get(self.at)? != b'"' {
            self.at += if self.body[self.at] == b'\\' { 2 } else { 1 };
        }
        if self.depth == 1 && self.value.is_none() {
            self.name = &self.body[start..self.at];
        }
        Some(())
    }

    /// Ends a member. None if the text is ambiguous.
    fn member(&mut self) -> Option<()> {
        let value = &self.body[self.value.take()?..self.at];
        match self.name {
            b"py/object" => {
                let tape = Tape::read(value, &Limits::default()).ok()?;
                let class = tape.root().as_str().and_then(ClassPath::from_path)?;
                self.class.replace(class).is_none().then_some(())
            }
            b"message_id" => {
                let tape = Tape::read(value, &Limits::default()).ok()?;
                let id = forms::uuid(tape.root()).ok().map(MessageId::from_uuid)?;
                self.id.replace(id).is_none().then_some(())
            }
            _ => Some(()),
        }
    }
}
