//! Frames between the runtime and a worker host: the header and the kinds. No I/O, nothing of the payload.
//!
//! A frame is `u32 length | u8 kind | u8 codec | u16 flags`, little-endian, then `length` bytes of payload. One frame is one
//! document; calls and results travel as arrays.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of the header.
pub const HEADER: usize = 8;

/// Longest payload that is accepted. A host that announces more is broken and is replaced.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// The only codec so far: JSON text as in section 2 of the wire protocol, values with the tags of its appendix A.
pub const CODEC_JSON: u8 = 0;

/// Flag: at least one value in the payload carries a tag.
pub const TAGGED: u16 = 1;

/// What a frame is about. The numbers are the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Template → runtime: it lives; its versions.
    Hello = 1,
    /// Template → runtime: the functions and the constructor's settings.
    Register = 2,
    /// Host → runtime: calls may come.
    Ready = 4,
    /// Runtime → host: `[[call, function, args, kwargs], …]`.
    Calls = 5,
    /// Host → runtime: `[[call, status, value, run_ns], …]`.
    Results = 6,
    /// Runtime → host: `[call, …]` to cancel.
    Cancel = 7,
    /// Runtime → host: give back what was not started.
    Recall = 8,
    /// Host → runtime: `[call, …]` that were not started and will not be.
    Recalled = 9,
    /// Runtime → template: a new host, its socket and status page ride along.
    Fork = 10,
    /// Template → runtime: the new host's process id.
    Forked = 11,
    /// Runtime → host: no more calls will come; finish.
    Drain = 12,
    /// Host → runtime: finished.
    Drained = 13,
    /// Template → runtime: the program could not be loaded.
    Failed = 14,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Hello,
        Self::Register,
        Self::Ready,
        Self::Calls,
        Self::Results,
        Self::Cancel,
        Self::Recall,
        Self::Recalled,
        Self::Fork,
        Self::Forked,
        Self::Drain,
        Self::Drained,
        Self::Failed,
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is about.
    pub kind: Kind,
    /// Whether a value in it carries a tag.
    pub tagged: bool,
    /// The document.
    pub payload: Bytes,
}

/// Why bytes from a host are not a frame. The host must be replaced: the stream has no point to resume at.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// The kind is not one of ours.
    #[error("frame of unknown kind {0}")]
    Kind(u8),
    /// The codec was not agreed on.
    #[error("frame in unknown codec {0}")]
    Codec(u8),
    /// The length passes [`MAX_PAYLOAD`].
    #[error("frame of {0} bytes, at most {MAX_PAYLOAD} are accepted")]
    Length(usize),
}

/// A frame in the making: its payload is written behind the place of the header, so that it need not be moved.
#[derive(Debug)]
pub struct Draft(BytesMut);

impl Draft {
    /// An empty payload, with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(HEADER + capacity);
        bytes.put_bytes(0, HEADER);
        Self(bytes)
    }

    /// Appends to the payload.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Bytes of the payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() - HEADER
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame. Payloads are bounded long before their length fits no header.
    #[must_use]
    pub fn finish(mut self, kind: Kind, tagged: bool) -> Bytes {
        let length = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let mut header = &mut self.0[..HEADER];
        header.put_u32_le(length);
        header.put_u8(kind as u8);
        header.put_u8(CODEC_JSON);
        header.put_u16_le(if tagged { TAGGED } else { 0 });
        self.0.freeze()
    }
}

impl std::fmt::Write for Draft {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The frame around a payload.
#[must_use]
pub fn whole(kind: Kind, payload: &[u8]) -> Bytes {
    let mut draft = Draft::with_capacity(payload.len());
    draft.push(payload);
    draft.finish(kind, false)
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is about.
    pub kind: Kind,
    /// Whether a value in it carries a tag.
    pub tagged: bool,
    /// Bytes of payload that follow.
    pub length: usize,
}

/// Reads [`HEADER`] bytes.
///
/// # Errors
/// [`Malformed`] when they are no header.
pub fn header(bytes: &[u8; HEADER]) -> Result<Header, Malformed> {
    let mut bytes = &bytes[..];
    let length = bytes.get_u32_le() as usize;
    let (number, codec, flags) = (bytes.get_u8(), bytes.get_u8(), bytes.get_u16_le());
    let kind = Kind::from_number(number).ok_or(Malformed::Kind(number))?;
    if codec != CODEC_JSON {
        return Err(Malformed::Codec(codec));
    }
    if length > MAX_PAYLOAD {
        return Err(Malformed::Length(length));
    }
    Ok(Header { kind, tagged: flags & TAGGED != 0, length })
}

/// Takes the first whole frame out of `input`, or nothing if it is not complete yet.
///
/// # Errors
/// [`Malformed`] as soon as the header is readable and wrong.
pub fn read(input: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let Some((bytes, rest)) = input.split_first_chunk() else { return Ok(None) };
    let Header { kind, tagged, length } = header(bytes)?;
    if rest.len() < length {
        // Once, and not with every piece that comes.
        let missing = length - rest.len();
        input.reserve(missing);
        return Ok(None);
    }
    input.advance(HEADER);
    let payload = input.split_to(length).freeze();
    Ok(Some(Frame { kind, tagged, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(kind: Kind, tagged: bool, payload: &[u8]) -> BytesMut {
        let mut draft = Draft::with_capacity(0);
        draft.push(payload);
        draft.finish(kind, tagged).into()
    }

    #[test]
    fn every_kind_reads_back_as_itself() {
        for kind in Kind::ALL {
            let frame = read(&mut written(kind, true, b"[]")).unwrap().unwrap();
            assert_eq!(frame, Frame { kind, tagged: true, payload: Bytes::from_static(b"[]") });
        }
    }

    #[test]
    fn a_frame_that_came_in_part_is_left_until_the_rest_is_there() {
        let whole = written(Kind::Calls, false, b"[[1,0,[],{}]]");
        let mut input = BytesMut::new();
        for byte in &whole[..whole.len() - 1] {
            input.put_u8(*byte);
            assert_eq!(read(&mut input), Ok(None));
        }
        input.put_u8(whole[whole.len() - 1]);
        assert!(read(&mut input).unwrap().is_some());
        assert!(input.is_empty());
    }

    #[test]
    fn a_wrong_header_is_refused_before_its_payload_comes() {
        assert_eq!(read(&mut BytesMut::from(&[0, 0, 0, 0, 0, 0, 0, 0][..])), Err(Malformed::Kind(0)));
        assert_eq!(read(&mut BytesMut::from(&[0, 0, 0, 0, 15, 0, 0, 0][..])), Err(Malformed::Kind(15)));
        assert_eq!(read(&mut BytesMut::from(&[0, 0, 0, 0, 5, 9, 0, 0][..])), Err(Malformed::Codec(9)));
        assert_eq!(
            read(&mut BytesMut::from(&[255, 255, 255, 255, 5, 0, 0, 0][..])),
            Err(Malformed::Length(u32::MAX as usize))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = read(&mut input) {}
        }
    }
}
