//! The replicas: they start, take calls, and finish them before they end.

use std::time::Duration;

/// One replica.
#[derive(Debug, Clone, Copy)]
struct Replica {
    created: Duration,
    ready: bool,
    ending: bool,
    gone: Option<Duration>,
    busy: u32,
}

/// All replicas that ever were; a number names one.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    all: Vec<Replica>,
    /// Those that are not gone.
    alive: Vec<usize>,
}

impl Fleet {
    /// Adds one that starts.
    pub(crate) fn create(&mut self, now: Duration) -> usize {
        self.all.push(Replica { created: now, ready: false, ending: false, gone: None, busy: 0 });
        self.alive.push(self.all.len() - 1);
        self.all.len() - 1
    }

    /// One has started, unless it was to end before.
    pub(crate) fn started(&mut self, number: usize) {
        self.all[number].ready = self.all[number].gone.is_none();
    }

    /// Lets some end: those that are not ready, then the least busy, then the youngest.
    pub(crate) fn end(&mut self, now: Duration, count: usize) {
        let mut wanted: Vec<_> = self.wanted().collect();
        wanted.sort_by_key(|number| (self.all[*number].ready, self.all[*number].busy, usize::MAX - number));
        for number in wanted.into_iter().take(count) {
            self.all[number].ending = true;
            self.leave_if_done(now, number);
        }
    }

    /// A replica that takes calls and has room: of several the least busy.
    pub(crate) fn take(&mut self, slots: u32) -> Option<usize> {
        let taking = self.wanted().filter(|number| self.all[*number].ready);
        let number = taking.min_by_key(|number| self.all[*number].busy)?;
        if self.all[number].busy >= slots {
            return None;
        }
        self.all[number].busy += 1;
        Some(number)
    }

    /// A call of a replica is done.
    pub(crate) fn done(&mut self, now: Duration, number: usize) {
        self.all[number].busy -= 1;
        self.leave_if_done(now, number);
    }

    fn leave_if_done(&mut self, now: Duration, number: usize) {
        let replica = &mut self.all[number];
        if replica.ending && replica.busy == 0 {
            replica.gone = Some(now);
            self.alive.retain(|alive| *alive != number);
        }
    }

    fn wanted(&self) -> impl Iterator<Item = usize> + '_ {
        self.alive.iter().copied().filter(|number| !self.all[*number].ending)
    }

    /// How many there are to be.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.wanted().count()).unwrap_or(u32::MAX)
    }

    /// How many take calls.
    pub(crate) fn ready(&self) -> u32 {
        u32::try_from(self.wanted().filter(|number| self.all[*number].ready).count()).unwrap_or(u32::MAX)
    }

    /// Calls in work, also at those that end.
    pub(crate) fn busy(&self) -> u32 {
        self.alive.iter().map(|number| self.all[*number].busy).sum()
    }

    /// Seconds that all replicas were there, up to now.
    pub(crate) fn seconds(&self, now: Duration) -> f64 {
        self.all.iter().map(|replica| (replica.gone.unwrap_or(now) - replica.created).as_secs_f64()).sum()
    }
}
