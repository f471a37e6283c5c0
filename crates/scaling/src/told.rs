//! From what each replica counts to what all of them did since the look before.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::observed::Work;

/// What one replica told of its work. The counters begin with its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Calls that it can run at a time.
    pub slots: u32,
    /// Calls that it runs now.
    pub busy: u32,
    /// Calls that ever ended.
    pub ended: u64,
    /// How long these had run, added up.
    pub ran: Duration,
}

/// Remembers what each replica told at the look before.
#[derive(Debug, Clone, Default)]
pub struct Diary(HashMap<String, Told>);

impl Diary {
    /// Takes in what those told that could be asked, and sums it up. Of a replica that is new here, or has begun anew, nothing
    /// is known of the time since the look before. `None` if nobody told anything.
    pub fn sum_up(&mut self, told: impl IntoIterator<Item = (String, Told)>) -> Option<Work> {
        let told: HashMap<_, _> = told.into_iter().collect();
        let replicas = NonZeroU32::new(u32::try_from(told.len()).unwrap_or(u32::MAX))?;
        let mut work = Work { replicas, slots: 0, busy: 0, ended: 0, ran: Duration::ZERO };
        for (replica, now) in &told {
            work.slots = work.slots.saturating_add(now.slots);
            work.busy = work.busy.saturating_add(now.busy);
            let before = self.0.get(replica);
            if let Some((ended, ran)) = before.and_then(|before| now.since(before)) {
                work.ended = work.ended.saturating_add(ended);
                work.ran = work.ran.saturating_add(ran);
            }
        }
        self.0 = told;
        Some(work)
    }
}

impl Told {
    fn since(&self, before: &Self) -> Option<(u64, Duration)> {
        self.ended.checked_sub(before.ended).zip(self.ran.checked_sub(before.ran))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ended: u64, seconds: u64) -> Told {
        Told { slots: 4, busy: 1, ended, ran: Duration::from_secs(seconds) }
    }

    fn sum<const N: usize>(diary: &mut Diary, told: [(&str, Told); N]) -> Option<(u32, u32, u32, u64, u64)> {
        let work = diary.sum_up(told.map(|(name, told)| (name.to_owned(), told)))?;
        Some((work.replicas.get(), work.slots, work.busy, work.ended, work.ran.as_secs()))
    }

    #[test]
    fn what_was_done_since_the_look_before_is_summed_up() {
        let mut diary = Diary::default();
        assert_eq!(sum(&mut diary, []), None);
        assert_eq!(sum(&mut diary, [("a", told(100, 50)), ("b", told(7, 3))]), Some((2, 8, 2, 0, 0)));
        assert_eq!(sum(&mut diary, [("a", told(110, 51)), ("b", told(10, 5))]), Some((2, 8, 2, 13, 3)));
    }

    #[test]
    fn replicas_that_are_new_or_have_begun_anew_tell_nothing_of_before() {
        let mut diary = Diary::default();
        sum(&mut diary, [("a", told(100, 50))]);
        assert_eq!(sum(&mut diary, [("a", told(3, 1)), ("b", told(900, 300))]), Some((2, 8, 2, 0, 0)));
        assert_eq!(sum(&mut diary, [("a", told(5, 2)), ("b", told(902, 301))]), Some((2, 8, 2, 4, 2)));
    }
}
