//! The words of this crate: partitions, topics to be made, and what a user may do with what.

use std::fmt;

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic.
    pub topic: String,
    /// Its number, from 0.
    pub number: u32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} of {}", self.number, self.topic)
    }
}

/// A topic that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has, at least.
    pub partitions: u32,
    /// How many brokers hold each partition; as the cluster's default says if `None`.
    pub replication: Option<u32>,
    /// Settings of its own.
    pub config: Vec<(String, String)>,
}

/// One of the two ends of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first record that is still there.
    Earliest,
    /// Where the next one comes; records of open transactions do not count.
    Latest,
}

/// What can be allowed, in Kafka's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// To take records; for a group, to be a member and commit.
    Read,
    /// To add records.
    Write,
    /// To make it.
    Create,
    /// To remove it.
    Delete,
    /// To add partitions.
    Alter,
    /// To see it.
    Describe,
    /// Anything else.
    Other,
}

impl Operation {
    /// From the numbers of Kafka's protocol; `None` for those that stand for no single operation.
    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0..=2 => return None,
            3 => Self::Read,
            4 => Self::Write,
            5 => Self::Create,
            6 => Self::Delete,
            7 => Self::Alter,
            8 => Self::Describe,
            _ => Self::Other,
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Alter => "ALTER",
            Self::Describe => "DESCRIBE",
            Self::Other => "another operation",
        })
    }
}

/// Something for which operations are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic(String),
    /// A consumer group.
    Group(String),
    /// The cluster as a whole.
    Cluster,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

/// An operation on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Right {
    /// What is done.
    pub operation: Operation,
    /// To what.
    pub resource: Resource,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.operation, self.resource)
    }
}
