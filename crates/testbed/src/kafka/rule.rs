//! What somebody may do: the request that makes such a rule, which rdkafka cannot send.

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Everything.
    All = 2,
    /// Read records of a topic, or be a member of a group.
    Read = 3,
    /// Write records.
    Write = 4,
    /// Make topics.
    Create = 5,
    /// Remove a topic or a group.
    Delete = 6,
    /// Change a topic, for example how many partitions it has.
    Alter = 7,
    /// Know that it is there.
    Describe = 8,
    /// Read its configuration.
    DescribeConfigs = 10,
    /// Change its configuration.
    AlterConfigs = 11,
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// All topics whose names begin like this.
    Topics(&'a str),
    /// A consumer group.
    Group(&'a str),
    /// All groups whose names begin like this.
    Groups(&'a str),
    /// The whole of it.
    Cluster,
}

/// A request as it is sent.
pub(super) struct Request(pub(super) Vec<u8>);

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const ALLOW: u8 = 3;

pub(super) fn allow(user: &str, operation: Operation, resource: Resource<'_>) -> Request {
    let (kind, name, pattern) = match resource {
        Resource::Topic(name) => (2, name, LITERAL),
        Resource::Topics(name) => (2, name, PREFIXED),
        Resource::Group(name) => (3, name, LITERAL),
        Resource::Groups(name) => (3, name, PREFIXED),
        Resource::Cluster => (4, "kafka-cluster", LITERAL),
    };
    let mut body = Vec::new();
    body.extend(CREATE_ACLS.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(0i32.to_be_bytes()); // correlation
    text(&mut body, "prpc-testbed");
    body.extend(1i32.to_be_bytes()); // rules
    body.push(kind);
    text(&mut body, name);
    body.push(pattern);
    text(&mut body, &format!("User:{user}"));
    text(&mut body, "*"); // from any host
    body.extend([operation as u8, ALLOW]);
    let length = u32::try_from(body.len()).expect("a short request");
    Request([&length.to_be_bytes(), body.as_slice()].concat())
}

/// Correlation, throttle time, number of results, and the error of the only one.
pub(super) fn is_accepted(answer: &[u8]) -> bool {
    answer.get(12..14) == Some(&[0, 0])
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
    body.extend(text.as_bytes());
}
