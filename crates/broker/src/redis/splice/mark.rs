//! What stands for a long text.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// Bytes of a mark: a random number that nobody outside can know, and the number of the text.
pub(crate) const MARK: usize = PREFIX + 8;
const PREFIX: usize = 16;

/// What stands before a mark in the protocol: its length.
pub(super) const MARK_HEADER: &[u8] = b"$24\r\n";

/// Texts, each with its mark.
#[derive(Debug)]
pub(super) struct Marked<T> {
    prefix: [u8; PREFIX],
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    last: u64,
    texts: HashMap<u64, T>,
}

impl<T> Marked<T> {
    pub(super) fn new() -> Self {
        let kept = Mutex::new(Kept { last: 0, texts: HashMap::new() });
        Self { prefix: Uuid::new_v4().into_bytes(), kept }
    }

    /// What all marks of these texts begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Keeps a text under the number that is returned.
    pub(super) fn put(&self, text: T) -> u64 {
        let mut kept = self.kept();
        kept.last += 1;
        let number = kept.last;
        kept.texts.insert(number, text);
        number
    }

    /// The mark of a number.
    pub(super) fn mark(&self, number: u64) -> [u8; MARK] {
        let mut mark = [0; MARK];
        mark[..PREFIX].copy_from_slice(&self.prefix);
        mark[PREFIX..].copy_from_slice(&number.to_ne_bytes());
        mark
    }

    /// The number in the mark that begins here.
    pub(super) fn number(&self, mark: &[u8]) -> Option<u64> {
        let number = mark.strip_prefix(&self.prefix)?.first_chunk()?;
        Some(u64::from_ne_bytes(*number))
    }

    pub(super) fn get(&self, number: u64) -> Option<T>
    where
        T: Clone,
    {
        self.kept().texts.get(&number).cloned()
    }

    pub(super) fn remove(&self, number: u64) -> Option<T> {
        self.kept().texts.remove(&number)
    }

    pub(super) fn clear(&self) {
        self.kept().texts.clear();
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.kept().texts.is_empty()
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
