//! Long texts of calls and results, which lie in memory that the runtime and a host share instead of in frames.
//!
//! A frame names such a text by its place. Each side writes to a ring of its own and says how far it has read the other's;
//! the layout is in `docs/host-protocol.md`. A text that finds no room stands in the frame, so nobody ever waits for any.

use std::cell::Cell;
use std::io;
use std::mem::size_of;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::io::{pread, pwrite};

/// Bytes of a ring, and of the longest text in it. Memory is taken only for what was ever written.
pub const RING: u64 = 16 << 20;

/// The rings begin here, after the counters.
const COUNTERS: u64 = 4096;

/// Bytes of the shared memory.
pub const SIZE: u64 = COUNTERS + 2 * RING;

/// Where a text is: the number of bytes written to its ring before it.
pub type Position = u64;

/// The ring for calls; the host reads it.
#[derive(Debug)]
pub struct Outgoing {
    file: OwnedFd,
    /// Where in the file the shared memory begins.
    start: u64,
    written: Position,
    /// What the host is known to have read.
    read: Position,
}

impl Outgoing {
    /// Nothing written yet. The memory begins at `start` of the file.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new(file: BorrowedFd<'_>, start: u64) -> io::Result<Self> {
        Ok(Self { file: file.try_clone_to_owned()?, start, written: 0, read: 0 })
    }

    /// Writes a text, if there is room.
    pub fn put(&mut self, text: &[u8]) -> Option<Position> {
        self.look();
        if self.read == self.written {
            // What is warm is used again, and memory that was never written is not taken.
            self.written = self.written.next_multiple_of(RING);
            self.read = self.written;
        }
        let length = text.len() as u64;
        let fits = self.written % RING + length <= RING;
        let position = if fits { self.written } else { self.written.next_multiple_of(RING) };
        if position + length - self.read > RING {
            return None;
        }
        let place = self.start + COUNTERS + position % RING;
        if pwrite(&self.file, text, place).ok()? < text.len() {
            return None;
        }
        self.written = position + length;
        Some(position)
    }

    /// Asks how far the host is. It cannot be further than what was written.
    fn look(&mut self) {
        let mut word = [0; size_of::<Position>()];
        if pread(&self.file, &mut word, self.start).is_ok_and(|length| length == word.len()) {
            let read = Position::from_ne_bytes(word);
            if (self.read..=self.written).contains(&read) {
                self.read = read;
            }
        }
    }
}

/// The ring for results; the host writes it.
#[derive(Debug)]
pub struct Incoming {
    file: OwnedFd,
    start: u64,
    /// What was read, and what of it the host was told.
    read: Cell<Position>,
    told: Position,
}

impl Incoming {
    /// Nothing read yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new(file: BorrowedFd<'_>, start: u64) -> io::Result<Self> {
        Ok(Self { file: file.try_clone_to_owned()?, start, read: Cell::new(0), told: 0 })
    }

    /// A text that a frame names; None if none can be there, or if it is not UTF-8.
    pub fn take(&self, position: Position, length: u64) -> Option<String> {
        let offset = position % RING;
        if length > RING - offset {
            return None;
        }
        let wanted = usize::try_from(length).ok()?;
        let mut text = Vec::with_capacity(wanted);
        let mut place = self.start + COUNTERS + RING + offset;
        while text.len() < wanted {
            place += match pread(&self.file, spare_capacity(&mut text), place).ok()? {
                0 => return None,
                count => count as u64,
            };
            text.truncate(wanted);
        }
        self.read.set(self.read.get().max(position.saturating_add(length)));
        String::from_utf8(text).ok()
    }

    /// Tells the host what it may write over: everything that was taken so far.
    pub fn tell(&mut self) {
        let read = self.read.get();
        if self.told != read {
            // If it fails, the ring fills up and results stand in frames.
            let _ = pwrite(&self.file, &read.to_ne_bytes(), self.start + size_of::<Position>() as u64);
            self.told = read;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    use super::*;

    /// Where the memory begins in these tests.
    const START: u64 = 4096;

    /// The host's side.
    struct Host(OwnedFd);

    impl Host {
        fn with_both() -> (Self, Outgoing, Incoming) {
            let file = memfd_create("texts", MemfdFlags::CLOEXEC).unwrap();
            ftruncate(&file, START + SIZE).unwrap();
            let outgoing = Outgoing::new(file.as_fd(), START).unwrap();
            let incoming = Incoming::new(file.as_fd(), START).unwrap();
            (Self(file), outgoing, incoming)
        }

        fn read(&self, position: Position, length: usize) -> Vec<u8> {
            let mut text = vec![0; length];
            assert_eq!(pread(&self.0, &mut text, START + COUNTERS + position % RING).unwrap(), length);
            self.tell(position + length as u64);
            text
        }

        fn tell(&self, read: Position) {
            pwrite(&self.0, &read.to_ne_bytes(), START).unwrap();
        }

        fn write(&self, position: Position, text: &[u8]) {
            pwrite(&self.0, text, START + COUNTERS + RING + position % RING).unwrap();
        }

        fn told(&self) -> Position {
            let mut word = [0; 8];
            pread(&self.0, &mut word, START + 8).unwrap();
            Position::from_ne_bytes(word)
        }
    }

    #[test]
    fn a_ring_that_was_read_begins_anew_in_the_same_memory() {
        let (host, mut texts, _) = Host::with_both();
        for round in 0..3 {
            assert_eq!(texts.put(b"first"), Some(round * RING));
            assert_eq!(texts.put(b"second"), Some(round * RING + 5));
            assert_eq!(host.read(round * RING, 5), b"first");
            assert_eq!(host.read(round * RING + 5, 6), b"second");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let (host, mut texts, _) = Host::with_both();
        let most = vec![b'a'; RING as usize];
        assert_eq!(texts.put(&[&most[..], b"a"].concat()), None);
        assert_eq!(texts.put(&most), Some(0));
        assert_eq!(texts.put(b"b"), None);
        host.tell(u64::MAX);
        assert_eq!(texts.put(b"b"), None, "more than everything cannot have been read");
        host.tell(RING);
        assert_eq!(texts.put(b"b"), Some(RING));
    }

    #[test]
    fn results_are_read_where_the_host_says_they_are_and_it_is_told() {
        let (host, _, mut texts) = Host::with_both();
        host.write(RING + 3, "süß".as_bytes());
        assert_eq!(texts.take(RING + 3, 5).as_deref(), Some("süß"));
        assert_eq!(host.told(), 0);
        texts.tell();
        assert_eq!(host.told(), RING + 8);
    }

    #[test]
    fn a_place_that_cannot_be_is_no_text() {
        let (host, _, texts) = Host::with_both();
        host.write(0, b"\xff");
        for (position, length) in
            [(0, 1), (1, RING), (RING - 1, 2), (0, RING + 1), (0, u64::MAX), (u64::MAX, 2)]
        {
            assert_eq!(texts.take(position, length), None, "{position} {length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn no_text_is_written_over_before_it_is_read(
            steps in proptest::collection::vec((1..RING as usize / 2, any::<bool>()), 1..60),
        ) {
            let (host, mut texts, _) = Host::with_both();
            let mut unread = std::collections::VecDeque::new();
            for (number, (length, read)) in steps.into_iter().enumerate() {
                let text = vec![number as u8; length];
                match texts.put(&text) {
                    Some(position) => unread.push_back((position, text)),
                    None => prop_assert!(!unread.is_empty(), "an empty ring has room"),
                }
                if read && let Some((position, text)) = unread.pop_front() {
                    prop_assert!(host.read(position, text.len()) == text);
                }
            }
        }
    }
}
