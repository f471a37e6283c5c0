//! From the offsets of a partition to the calls that wait in it. Pure: every edge has a row in the table below.

/// What is known of one partition. `committed` must be the oldest of the three, or it can seem to be past the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// Where the group goes on; `None` if it has never committed, or so long ago that the brokers have forgotten it.
    pub committed: Option<i64>,
    /// The first record that is still there.
    pub low: i64,
    /// Where the next record comes.
    pub high: i64,
}

/// The calls of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Those that are to be answered, as far as offsets tell: what is done but not committed yet counts, and so do offsets without
    /// a record.
    pub waiting: u64,
    /// Those that retention removed before anybody took them.
    pub lost: u64,
    /// Whether the group is past the end: the topic was made again, or brokers have lost records.
    pub cut: bool,
}

/// The calls that wait, for workers that begin at the first record when nothing is committed.
#[must_use]
pub fn lag(offsets: Offsets) -> Lag {
    // The end was asked for before the beginning, and may have been passed by it.
    let high = offsets.high.max(offsets.low);
    let between = |from: i64, to: i64| to.saturating_sub(from).max(0).unsigned_abs();
    let all = between(offsets.low, high);
    match offsets.committed {
        None => Lag { waiting: all, ..Lag::default() },
        Some(committed) if committed > high => Lag { waiting: all, lost: 0, cut: true },
        Some(committed) if committed < offsets.low => {
            Lag { waiting: all, lost: between(committed, offsets.low), cut: false }
        }
        Some(committed) => Lag { waiting: between(committed, high), ..Lag::default() },
    }
}

/// Where a group is to go on that has no offset any more: where it was last seen, if that is still there; else at the first record,
/// so that no call is lost.
#[must_use]
pub fn position(last_seen: Option<i64>, low: i64, high: i64) -> i64 {
    last_seen.filter(|seen| (low..=high).contains(seen)).unwrap_or(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_a_group_can_be_in_has_its_count() {
        const NONE: Option<i64> = None;
        for (what, committed, low, high, waiting, lost, cut) in [
            ("a new topic", NONE, 0, 0, 0, 0, false),
            ("calls before the first worker", NONE, 0, 7, 7, 0, false),
            ("the same after retention", NONE, 3, 7, 4, 0, false),
            ("the same after retention of all", NONE, 7, 7, 0, 0, false),
            ("a seeded group", Some(0), 0, 7, 7, 0, false),
            ("some are done", Some(4), 0, 7, 3, 0, false),
            ("all are done", Some(7), 0, 7, 0, 0, false),
            ("all are done and removed", Some(7), 7, 7, 0, 0, false),
            ("at the first that is left", Some(3), 3, 7, 4, 0, false),
            ("retention has passed the group", Some(1), 3, 7, 4, 2, false),
            ("retention has removed all", Some(1), 7, 7, 0, 6, false),
            ("the topic was made again, empty", Some(7), 0, 0, 0, 0, true),
            ("the topic was made again, with calls", Some(7), 0, 2, 2, 0, true),
            ("records were lost by the brokers", Some(7), 1, 5, 4, 0, true),
            ("the marker of a transaction", Some(6), 0, 7, 1, 0, false),
            ("the beginning moved past the end meanwhile", Some(5), 9, 7, 0, 4, false),
            ("no offset, and the beginning moved past the end", NONE, 9, 7, 0, 0, false),
            ("the largest numbers", Some(0), 0, i64::MAX, i64::MAX.unsigned_abs(), 0, false),
        ] {
            let seen = lag(Offsets { committed, low, high });
            assert_eq!(seen, Lag { waiting, lost, cut }, "{what}");
        }
    }

    #[test]
    fn a_forgotten_group_goes_on_where_it_was_seen_and_never_later() {
        for (last_seen, low, high, goes_on) in [
            (None, 0, 9, 0),
            (None, 4, 9, 4),
            (Some(6), 0, 9, 6),
            (Some(2), 4, 9, 4),
            (Some(9), 0, 9, 9),
            // Another topic of the same name.
            (Some(12), 0, 9, 0),
            (Some(12), 10, 9, 10),
        ] {
            assert_eq!(position(last_seen, low, high), goes_on, "{last_seen:?} {low} {high}");
        }
    }
}
