//! Topics: what there is, made, grown, removed.

use std::collections::HashMap;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::client::Admin;
use crate::error::{Error, Result};
use crate::names::{NewTopic, Operation, Partition, Resource};
use crate::raw::{Answer, Fault, Named, Request};

/// A topic that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Another topic of the same name has another one; zero if the brokers tell none.
    pub id: [i64; 2],
    /// How many partitions it has.
    pub partitions: u32,
    /// Those that no broker serves at present.
    pub without_leader: Vec<u32>,
    /// What the client may do with it, if it was asked for and the brokers tell.
    pub(crate) rights: Option<Vec<Operation>>,
}

impl Topic {
    /// Its partitions.
    pub fn each<'a>(&self, name: &'a str) -> impl Iterator<Item = Partition> + use<'a> {
        (0..self.partitions).map(|number| Partition { topic: name.to_owned(), number })
    }
}

impl Admin {
    /// What there is of these topics; `None` is none.
    ///
    /// # Errors
    /// For a topic, above all [`Error::Denied`]; as a whole, when the brokers cannot be asked.
    pub async fn topics(&self, names: &[String]) -> Result<HashMap<String, Result<Option<Topic>>>> {
        self.describe(names, false).await
    }

    pub(crate) async fn describe(
        &self,
        names: &[String],
        rights: bool,
    ) -> Result<HashMap<String, Result<Option<Topic>>>> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let found = match self.ask(Request::Topics(names.to_vec(), rights)).await {
            Ok(Answer::Topics(found)) => found,
            Ok(_) => return Err(self.whole(Fault::lost())),
            Err(fault) => return Err(self.whole(fault)),
        };
        let topic = |(name, found): Named<crate::raw::TopicFound>| {
            let topic = match found {
                Ok(found) => Ok(Some(Topic {
                    id: found.id,
                    partitions: found.partitions,
                    without_leader: found.without_leader,
                    rights: found.rights,
                })),
                Err(fault) => match Error::of(fault, Operation::Describe, Resource::Topic(name.clone())) {
                    Error::NoTopic(_) => Ok(None),
                    error => Err(error),
                },
            };
            (name, topic)
        };
        Ok(found.into_iter().map(topic).collect())
    }

    /// Makes topics; returns for each whether it is new. One that is there stays as it is.
    ///
    /// # Errors
    /// As for [`Admin::topics`].
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<HashMap<String, Result<bool>>> {
        let request = Request::CreateTopics(topics.to_vec());
        self.change(request, topics.is_empty(), Operation::Create, Code::TopicAlreadyExists).await
    }

    /// Gives topics so many partitions; returns for each whether they are new. One that has as many or more stays as it is.
    ///
    /// # Errors
    /// As for [`Admin::topics`].
    pub async fn grow(&self, topics: &[(String, u32)]) -> Result<HashMap<String, Result<bool>>> {
        let request = Request::Grow(topics.to_vec());
        self.change(request, topics.is_empty(), Operation::Alter, Code::InvalidPartitions).await
    }

    /// Removes topics and what is in them; returns for each whether it was there.
    ///
    /// # Errors
    /// As for [`Admin::topics`].
    pub async fn delete_topics(&self, names: &[String]) -> Result<HashMap<String, Result<bool>>> {
        let request = Request::DeleteTopics(names.to_vec());
        self.change(request, names.is_empty(), Operation::Delete, Code::UnknownTopicOrPartition).await
    }

    /// Changes topics with an operation; `nothing` is the code of those that are so already.
    async fn change(
        &self,
        request: Request,
        empty: bool,
        operation: Operation,
        nothing: Code,
    ) -> Result<HashMap<String, Result<bool>>> {
        if empty {
            return Ok(HashMap::new());
        }
        let done = match self.ask(request).await {
            Ok(Answer::Done(done)) => done,
            Ok(_) => return Err(self.whole(Fault::lost())),
            Err(fault) => return Err(self.whole(fault)),
        };
        let outcome = |(name, done): Named<()>| {
            let outcome = match done {
                Ok(()) => Ok(true),
                Err(fault) if fault.code == nothing => Ok(false),
                Err(fault) => Err(Error::of(fault, operation, Resource::Topic(name.clone()))),
            };
            (name, outcome)
        };
        Ok(done.into_iter().map(outcome).collect())
    }

    /// The failure of a request about several things.
    pub(crate) fn whole(&self, fault: Fault) -> Error {
        self.explained(Error::of(fault, Operation::Describe, Resource::Cluster))
    }
}
