//! What is kept beside a committed offset, in its metadata: which requests beyond it are finished, and how often it was begun
//! without getting on.
//!
//! A hint: whoever resets offsets erases it, and a text that cannot be read counts as none. Brokers take 4 096 bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const VERSION: &str = "v1";
/// Offsets that the bits can tell about: 342 characters.
const BITS: i64 = 2048;

/// The note of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// How many consumers began at this offset and ended without a word and without having finished it.
    pub(super) starts: u32,
    /// One more than the last offset that had been given out.
    pub(super) reach: i64,
    /// Finished offsets beyond the committed one, in order.
    pub(super) finished: Vec<i64>,
}

impl Note {
    /// As text, beside the offset `at`.
    pub(super) fn write(&self, at: i64) -> String {
        let mut bits = Vec::new();
        for place in self.finished.iter().map(|offset| offset - at).filter(|place| (0..BITS).contains(place))
        {
            let (byte, bit) = ((place / 8) as usize, place % 8);
            if bits.len() <= byte {
                bits.resize(byte + 1, 0_u8);
            }
            bits[byte] |= 1 << bit;
        }
        let reach = (self.reach - at).max(0);
        format!("{VERSION}:{}:{reach}:{}", self.starts, STANDARD_NO_PAD.encode(bits))
    }

    /// From the text beside the offset `at`; nothing if somebody else wrote it.
    pub(super) fn read(text: &str, at: i64) -> Self {
        Self::parse(text, at).unwrap_or_default()
    }

    fn parse(text: &str, at: i64) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        if parts.next() != Some(VERSION) {
            return None;
        }
        let starts = parts.next()?.parse().ok()?;
        let reach = at.checked_add(parts.next()?.parse().ok()?)?;
        let bits = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let finished = (0..BITS.min(bits.len() as i64 * 8))
            .filter(|place| bits[(place / 8) as usize] & (1 << (place % 8)) != 0)
            .map(|place| at + place)
            .collect();
        Some(Self { starts, reach, finished })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_others_wrote_is_no_note() {
        for text in ["", "v2:1:0:", "v1", "v1:x:0:", "v1:1:0:***", "v1:-1:0:", "v1:1:9223372036854775807:"] {
            assert_eq!(Note::read(text, 10), Note::default(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            at in 0..1_i64 << 50, starts in any::<u32>(), reach in 0..5000_i64,
            places in proptest::collection::btree_set(0..BITS, 0..200),
        ) {
            let note = Note { starts, reach: at + reach, finished: places.into_iter().map(|place| at + place).collect() };
            let text = note.write(at);
            prop_assert!(text.len() < 400);
            prop_assert_eq!(Note::read(&text, at), note);
        }
    }
}
