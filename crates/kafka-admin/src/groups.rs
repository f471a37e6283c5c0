//! Consumer groups from the outside: their members, and their offsets set.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::client::Admin;
use crate::error::{Error, Result};
use crate::names::{Operation, Partition, Resource};
use crate::offsets::named;
use crate::raw::{Answer, Fault, Request};

/// What became of offsets that were to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeded {
    /// They are set.
    Done,
    /// The group has members, which alone may set them.
    InUse,
}

impl Admin {
    /// Sets the offsets of a group without members.
    ///
    /// # Errors
    /// When it cannot be done for one of them; the others may be set.
    pub async fn seed(&self, group: &str, offsets: &[(Partition, i64)]) -> Result<Seeded> {
        if offsets.is_empty() {
            return Ok(Seeded::Done);
        }
        let set = match self.ask(Request::Commit(group.to_owned(), offsets.to_vec())).await {
            Ok(Answer::Offsets(set)) => set,
            Ok(_) => return Err(self.whole(Fault::lost())),
            Err(fault) if is_in_use(&fault) => return Ok(Seeded::InUse),
            Err(fault) => return Err(self.about_group(fault, Operation::Read, group)),
        };
        for (partition, outcome) in set {
            match outcome {
                Err(fault) if is_in_use(&fault) => return Ok(Seeded::InUse),
                Err(fault) if fault.code == Code::GroupAuthorizationFailed => {
                    return Err(self.about_group(fault, Operation::Read, group));
                }
                outcome => drop(named(partition, outcome, Operation::Read).1?),
            }
        }
        Ok(Seeded::Done)
    }

    /// How many members a group has; none if there is no such group.
    ///
    /// # Errors
    /// When it cannot be asked about.
    pub async fn members(&self, group: &str) -> Result<usize> {
        match self.ask(Request::Group(group.to_owned())).await {
            Ok(Answer::Group(found)) => Ok(found.members),
            Ok(_) => Err(self.whole(Fault::lost())),
            Err(fault) if fault.code == Code::GroupIdNotFound => Ok(0),
            Err(fault) => Err(self.about_group(fault, Operation::Describe, group)),
        }
    }

    /// Removes a group with its offsets; returns whether it was there.
    ///
    /// # Errors
    /// When it may not be removed, or has members.
    pub async fn delete_group(&self, group: &str) -> Result<bool> {
        let done = match self.ask(Request::DeleteGroup(group.to_owned())).await {
            Ok(Answer::Done(done)) => done.into_iter().next().map_or(Ok(()), |(_, done)| done),
            Ok(_) => Err(Fault::lost()),
            Err(fault) => Err(fault),
        };
        match done {
            Ok(()) => Ok(true),
            Err(fault) if fault.code == Code::GroupIdNotFound => Ok(false),
            Err(fault) => Err(self.about_group(fault, Operation::Delete, group)),
        }
    }

    pub(crate) fn about_group(&self, fault: Fault, operation: Operation, group: &str) -> Error {
        self.explained(Error::of(fault, operation, Resource::Group(group.to_owned())))
    }
}

/// What brokers say to whoever is no member while there are some.
fn is_in_use(fault: &Fault) -> bool {
    matches!(
        fault.code,
        Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::RebalanceInProgress
            | Code::NonEmptyGroup
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
    )
}
