//! The memory file in which a host says what it runs, readable when the host is stuck or dead.
//!
//! The layout is in `docs/host-protocol.md`: per slot the call and its start, two native 64-bit words. Behind it, in the same
//! file, is the memory for long texts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::texts::{self, Incoming, Outgoing};

const SLOT: usize = 16;

/// Where the memory for texts may begin: at a page, so that it can be mapped by itself.
const ALIGNMENT: usize = 4096;

/// A call that a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The number the runtime chose.
    pub call: u64,
    /// Start, in nanoseconds of [`monotonic`](crate::clock::monotonic).
    pub since: u64,
}

/// One host's page.
#[derive(Debug)]
pub struct StatusPage {
    file: OwnedFd,
    slots: usize,
}

impl StatusPage {
    /// An empty page for `slots` calls.
    ///
    /// # Errors
    /// When the kernel gives no memory file.
    pub fn new(slots: u32) -> io::Result<Self> {
        let file = memfd_create("prpc-status", MemfdFlags::CLOEXEC)?;
        let slots = slots as usize;
        let page = Self { file, slots };
        ftruncate(&page.file, page.length() + texts::SIZE)?;
        Ok(page)
    }

    /// Bytes before the memory for texts.
    fn length(&self) -> u64 {
        (self.slots * SLOT).next_multiple_of(ALIGNMENT) as u64
    }

    /// The memory for texts of calls and of results.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn texts(&self) -> io::Result<(Outgoing, Incoming)> {
        let (file, start) = (self.file.as_fd(), self.length());
        Ok((Outgoing::new(file, start)?, Incoming::new(file, start)?))
    }

    /// What runs now.
    ///
    /// # Errors
    /// When the host made the file shorter.
    pub fn running(&self) -> io::Result<Vec<Running>> {
        let mut bytes = vec![0; self.slots * SLOT];
        let length = rustix::io::pread(&self.file, &mut bytes, 0)?;
        if length < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        let slots = bytes.chunks_exact(SLOT).map(|slot| {
            let (call, since) = slot.split_at(SLOT / 2);
            Running { call: word(call), since: word(since) }
        });
        Ok(slots.filter(|running| running.call != 0).collect())
    }
}

impl AsFd for StatusPage {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_the_calls_that_were_written_and_not_ended() {
        let page = StatusPage::new(3).unwrap();
        assert_eq!(page.running().unwrap(), []);
        let words = [0_u64, 5, 77, 1_000, 0, 0].map(u64::to_ne_bytes).concat();
        rustix::io::pwrite(&page.file, &words, 0).unwrap();
        assert_eq!(page.running().unwrap(), [Running { call: 77, since: 1_000 }]);
    }
}
