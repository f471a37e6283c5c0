//! Responsibility: a reply in pieces, so that what is long need not be copied to stand beside the rest.

use bytes::Bytes;

/// An encoded reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyBody([Bytes; 4]);

impl ReplyBody {
    /// Of pieces, of which some may be empty.
    pub(crate) fn new(pieces: [Bytes; 4]) -> Self {
        Self(pieces)
    }

    /// What is the reply, one after the other.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter().filter(|piece| !piece.is_empty())
    }

    /// Bytes of all together.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All in one.
    #[must_use]
    pub fn whole(&self) -> Bytes {
        let mut pieces = self.pieces();
        match (pieces.next(), pieces.next()) {
            (Some(only), None) => only.clone(),
            _ => self.0.concat().into(),
        }
    }
}

impl<T: Into<Bytes>> From<T> for ReplyBody {
    fn from(body: T) -> Self {
        Self([body.into(), Bytes::new(), Bytes::new(), Bytes::new()])
    }
}
