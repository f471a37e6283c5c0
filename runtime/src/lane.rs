//! What a process host has beside its socket, so that calls can be parked in it: two pipes.
//!
//! A process host runs one function at a time and says nothing meanwhile. So a call may start only with its *permit*, the call's
//! number, which the host reads from a pipe that the runtime reads too: whoever reads it first has the call. And finished
//! results do not wait in the host for company: they lie in a pipe, where they outlive it. The layout is in
//! `docs/host-protocol.md`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::BytesMut;
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::frame::{self, Frame};

const PERMIT: usize = size_of::<u64>();

/// What Linux keeps in a pipe.
const CAPACITY: usize = 64 << 10;

/// The runtime's ends.
#[derive(Debug)]
pub struct Lane {
    permits_in: OwnedFd,
    permits_out: OwnedFd,
    results: OwnedFd,
    input: BytesMut,
}

/// The host's ends, to be passed to it in this order.
#[derive(Debug)]
pub struct HostLane {
    /// Where it reads permits.
    pub permits: OwnedFd,
    /// Where it writes results.
    pub results: OwnedFd,
}

impl Lane {
    /// Two new pipes.
    ///
    /// # Errors
    /// When the system is out of descriptors.
    pub fn new() -> io::Result<(Self, HostLane)> {
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (permits_out, permits_in) = pipe_with(flags)?;
        let (results, results_in) = pipe_with(flags)?;
        let host = HostLane { permits: permits_out.try_clone()?, results: results_in };
        Ok((Self { permits_in, permits_out, results, input: BytesMut::new() }, host))
    }

    /// Lets these calls start. To be done before they are sent: a host that finds no permit forgets the calls it has.
    ///
    /// # Errors
    /// When there is no room, which means that the host does not take any.
    pub fn permit(&self, calls: &[u64]) -> io::Result<()> {
        let permits: Vec<u8> = calls.iter().flat_map(|call| call.to_ne_bytes()).collect();
        if write(&self.permits_in, &permits)? == permits.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    /// Takes all permits that the host has not: these calls were not started and never will be.
    pub fn take_back(&self) -> Vec<u64> {
        let mut permits = vec![0; CAPACITY];
        let length = read(&self.permits_out, &mut permits).unwrap_or(0);
        permits[..length].as_chunks::<PERMIT>().0.iter().map(|permit| u64::from_ne_bytes(*permit)).collect()
    }

    /// The frames that lie in the pipe.
    ///
    /// # Errors
    /// When they are none.
    pub fn results(&mut self) -> io::Result<Vec<Frame>> {
        let mut frames = Vec::new();
        loop {
            let mut buffer = [0; 8 << 10];
            match read(&self.results, &mut buffer[..]) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(frames),
                Ok(length) => self.input.extend_from_slice(&buffer[..length]),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            while let Some(frame) = frame::read(&mut self.input).map_err(io::Error::other)? {
                frames.push(frame);
            }
        }
    }
}

impl HostLane {
    /// Both ends.
    #[must_use]
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.permits.as_fd(), self.results.as_fd()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_reads_a_permit_first_has_the_call() {
        let (lane, host) = Lane::new().unwrap();
        lane.permit(&[1, 2, 3]).unwrap();
        let mut first = [0; PERMIT];
        assert_eq!(read(&host.permits, &mut first).unwrap(), PERMIT);
        assert_eq!(u64::from_ne_bytes(first), 1);
        assert_eq!(lane.take_back(), [2, 3]);
        assert_eq!(read(&host.permits, &mut first), Err(Errno::AGAIN));
        assert!(lane.take_back().is_empty());
    }

    #[test]
    fn results_outlive_their_host() {
        let (mut lane, host) = Lane::new().unwrap();
        let frame = b"\x02\0\0\0\x06\0\0\0[]".repeat(3);
        write(&host.results, &frame).unwrap();
        drop(host);
        assert_eq!(lane.results().unwrap().len(), 3);
        assert!(lane.results().unwrap().is_empty());
    }
}
