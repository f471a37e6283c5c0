//! Offsets: where partitions begin and end, and how far groups are.

use std::collections::HashMap;

use crate::client::Admin;
use crate::error::{Error, Result};
use crate::names::{End, Operation, Partition, Resource};
use crate::raw::{Answer, Fault, Request};

/// An offset, or none, of every partition that was asked about.
pub type Committed = HashMap<Partition, Result<Option<i64>>>;

impl Admin {
    /// One end of partitions, in one request for each broker that holds some. All must exist and have a leader, or the answer is
    /// long in coming: ask [`Admin::topics`] first.
    ///
    /// # Errors
    /// For a partition, above all [`Error::Denied`]; as a whole, when the brokers cannot be asked.
    pub async fn offsets(&self, of: &[Partition], end: End) -> Result<HashMap<Partition, Result<i64>>> {
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        match self.ask(Request::Offsets(each_once(of), end)).await {
            Ok(Answer::Offsets(found)) => Ok(found
                .into_iter()
                .map(|(partition, found)| named(partition, found, Operation::Describe))
                .collect()),
            Ok(_) => Err(self.whole(Fault::lost())),
            Err(fault) => Err(self.whole(fault)),
        }
    }

    /// How far each group is in its partitions, all groups at once. The answers have the order of the groups.
    ///
    /// # Errors
    /// For a group, when it cannot be asked about; for a partition, above all [`Error::Denied`].
    pub async fn committed(&self, of: &[(String, Vec<Partition>)]) -> Vec<Result<Committed>> {
        let (asked, empty): (Vec<_>, Vec<_>) =
            of.iter().enumerate().partition(|(_, (_, partitions))| !partitions.is_empty());
        let mut answers: Vec<_> = of.iter().map(|_| Ok(Committed::new())).collect();
        drop(empty);
        let requests = asked
            .iter()
            .map(|(_, (group, partitions))| Request::Committed(group.clone(), Some(each_once(partitions))));
        let found = self.ask_all(requests.collect()).await;
        for ((index, (group, _)), found) in asked.into_iter().zip(found) {
            answers[index] = self.of_group(group, found);
        }
        answers
    }

    /// How far a group is in all partitions for which it has committed anything.
    ///
    /// # Errors
    /// When the group cannot be asked about.
    pub async fn all_committed(&self, group: &str) -> Result<Committed> {
        let found = self.ask(Request::Committed(group.to_owned(), None)).await;
        self.of_group(group, found)
    }

    fn of_group(&self, group: &str, answer: Result<Answer, Fault>) -> Result<Committed> {
        let found = match answer {
            Ok(Answer::Offsets(found)) => found,
            Ok(_) => return Err(self.whole(Fault::lost())),
            Err(fault) => {
                let error = Error::of(fault, Operation::Describe, Resource::Group(group.to_owned()));
                return Err(self.explained(error));
            }
        };
        let committed = |(partition, found): (Partition, Result<i64, Fault>)| {
            let (partition, found) = named(partition, found, Operation::Describe);
            // A negative one stands for none.
            (partition, found.map(|offset| Some(offset).filter(|offset| *offset >= 0)))
        };
        Ok(found.into_iter().map(committed).collect())
    }
}

pub(crate) fn named<T>(
    partition: Partition,
    found: Result<T, Fault>,
    operation: Operation,
) -> (Partition, Result<T>) {
    let resource = || Resource::Topic(partition.topic.clone());
    let found = found.map_err(|fault| Error::of(fault, operation, resource()));
    (partition, found)
}

/// Asking twice about one partition is an error.
fn each_once(partitions: &[Partition]) -> Vec<Partition> {
    let mut once = partitions.to_vec();
    once.sort_unstable();
    once.dedup();
    once
}
