//! The time after an increase in which what can be seen is not yet what will be.

use std::time::Duration;

use crate::moment::Moment;
use crate::observed::Replicas;
use crate::starts::Starts;

/// New replicas whose speed is not known are watched for so long.
const FIRST_IMPRESSION: Duration = Duration::from_secs(3);

/// Whether what was added is in effect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settle {
    grown: Option<Moment>,
    ready_since: Option<Moment>,
    was_ready: bool,
}

impl Settle {
    pub(crate) fn changed(&mut self, now: Moment, from: u32, to: u32) {
        let grown = if to > from { Some(now) } else { None };
        *self = Self { grown, ready_since: None, was_ready: false };
    }

    /// Whether it is too early to judge. Never if nobody tells how many are ready. `learning`: whether the speed of replicas
    /// is not known, but will be.
    pub(crate) fn is_settling(
        &mut self,
        now: Moment,
        current: u32,
        replicas: Option<Replicas>,
        starts: &Starts,
        learning: bool,
    ) -> bool {
        let ready = replicas.is_none_or(|replicas| replicas.ready >= current);
        self.was_ready = ready;
        let Some(grown) = self.grown.filter(|_| replicas.is_some()) else { return false };
        if !ready {
            self.ready_since = None;
            return now.since(grown) < starts.patience();
        }
        let since = *self.ready_since.get_or_insert(now);
        let settling = learning && now.since(since) < FIRST_IMPRESSION;
        if !settling {
            self.grown = None;
        }
        settling
    }

    /// Whether all replicas were ready at the look before.
    pub(crate) fn was_ready(&self) -> bool {
        self.was_ready
    }
}
