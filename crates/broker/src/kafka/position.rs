//! Where the reading of one partition stands, and what an offset means that was there before.
//!
//! Offsets only grow, unless the topic was deleted and made anew, or brokers lost their last records. librdkafka then begins with the
//! first record there is (`auto.offset.reset`). In the first case all of them are new, in the second nearly all were read before. Moments
//! tell which it is.

use std::time::Duration;

/// How much earlier than the latest record that was read a new one may have been sent, by clocks that differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// The place in one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// Of the assignment that brought the partition.
    pub(super) epoch: u64,
    /// Offsets below were read.
    next: Option<i64>,
    /// Of the latest record that was read, in milliseconds since 1970.
    latest: Option<i64>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One that was not read yet.
    Next,
    /// One that was read before.
    Again,
    /// The first of a partition that begins anew.
    Anew,
}

impl Position {
    /// Before a partition is read on from `next`.
    pub(super) fn new(epoch: u64, next: Option<i64>) -> Self {
        Self { epoch, next, latest: None }
    }

    /// A record was read.
    pub(super) fn read(&mut self, offset: i64, sent: Option<i64>) -> Kind {
        let kind = self.kind(offset, sent);
        if kind != Kind::Again {
            self.next = Some(offset + 1);
            self.latest = self.latest.max(sent);
        }
        kind
    }

    fn kind(&self, offset: i64, sent: Option<i64>) -> Kind {
        if self.next.is_none_or(|next| offset >= next) {
            return Kind::Next;
        }
        match (sent, self.latest) {
            (Some(sent), Some(latest)) if sent < latest - CLOCKS_DIFFER.as_millis() as i64 => Kind::Again,
            _ => Kind::Anew,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn what_begins_anew_is_told_from_what_was_read_before() {
        let mut position = Position::new(1, Some(7));
        assert_eq!(position.read(7, Some(10 * HOUR)), Kind::Next);
        assert_eq!(position.read(9, Some(9 * HOUR)), Kind::Next, "whatever its moment");
        assert_eq!(position.read(2, Some(9 * HOUR)), Kind::Again);
        assert_eq!(position.read(8, Some(10 * HOUR - 1000)), Kind::Anew, "clocks differ a little");
        assert_eq!(position.read(9, None), Kind::Next);
        assert_eq!(position.read(0, None), Kind::Anew, "nothing says that it was read");
    }

    #[test]
    fn an_offset_that_others_committed_beyond_the_end_does_not_hide_a_topic() {
        let mut position = Position::new(1, Some(1000));
        assert_eq!(position.read(0, Some(HOUR)), Kind::Anew);
        assert_eq!(position.read(1, Some(HOUR)), Kind::Next);
    }
}
