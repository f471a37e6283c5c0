//! What stands for a long text.

use uuid::Uuid;

/// Bytes of a mark: a random number that nobody outside can know, and the number of the text.
pub(crate) const MARK: usize = PREFIX + 8;
const PREFIX: usize = 16;

/// What stands before a mark in the protocol: its length.
pub(super) const MARK_HEADER: &[u8] = b"$24\r\n";

/// What all marks of one kind begin with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix([u8; PREFIX]);

impl Prefix {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The mark of a text.
    pub(super) fn mark(self, number: u64) -> [u8; MARK] {
        let mut mark = [0; MARK];
        mark[..PREFIX].copy_from_slice(&self.0);
        mark[PREFIX..].copy_from_slice(&number.to_ne_bytes());
        mark
    }

    /// The number in the mark that begins here.
    pub(super) fn number(self, mark: &[u8]) -> Option<u64> {
        let number = mark.strip_prefix(&self.0)?.first_chunk()?;
        Some(u64::from_ne_bytes(*number))
    }
}
