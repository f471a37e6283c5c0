//! A real Apache Kafka: one node or several, secured in the ways that there are.

mod access;
mod node;
mod rule;
mod setup;

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

pub use self::access::{KafkaUser, Sasl, Tls};
use self::node::Node;
pub use self::rule::{Operation, Resource};
pub use self::setup::KafkaSetup;
use crate::certificates::Certificates;
use crate::process::NotStarted;

/// Kafka in a folder of its own, ended with its owner.
///
/// Topics are never made by being used. A start takes some seconds, so tests that only need a broker use [`shared`](Self::shared).
#[derive(Debug)]
pub struct KafkaServer {
    nodes: Vec<Node>,
    setup: KafkaSetup,
    certificates: Certificates,
    folder: TempDir,
}

impl KafkaServer {
    /// A server of one node that anybody may use.
    #[must_use]
    pub fn start() -> Self {
        Self::setup().start()
    }

    /// So many nodes, each topic on up to three of them; one of three may go away.
    #[must_use]
    pub fn start_cluster(nodes: usize) -> Self {
        Self::setup().nodes(nodes).start()
    }

    /// A server with properties of its own, to be started.
    pub fn with(properties: &[(&str, &str)]) -> KafkaSetup {
        properties.iter().fold(Self::setup(), |setup, (key, value)| setup.with(key, value))
    }

    /// What a server is to be like.
    pub fn setup() -> KafkaSetup {
        KafkaSetup::default()
    }

    /// The one server of this test process, which ends with it. Everybody uses topics and groups of their own there, and
    /// nobody stops it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<KafkaServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The addresses for clients, `host:port,…`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Node::address).collect();
        addresses.join(",")
    }

    /// What librdkafka needs to be told for connecting as somebody.
    #[must_use]
    pub fn client(&self, user: KafkaUser) -> Vec<(String, String)> {
        let mut settings = vec![("bootstrap.servers", self.bootstrap())];
        settings.extend(self.setup.access.client(user, &self.certificates));
        settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The certificates that its listener shows and asks for, and those of users; more can be made.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Where its nodes' folders are, with their logs: `node-1/server.log`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets somebody do something, on a server that was set up as [`authorized`](KafkaSetup::authorized). Brokers follow within
    /// a moment.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn allow(&self, user: KafkaUser, operation: Operation, resource: Resource<'_>) {
        self.nodes[0].create_rule(&rule::allow(user.name, operation, resource));
    }

    /// As SIGKILL does, to all nodes.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }

    /// Ends all nodes in order.
    pub fn stop(&mut self) {
        self.nodes.iter_mut().for_each(Node::stop);
    }

    /// Starts all nodes again, with the same data and the same ports, however they ended.
    ///
    /// # Panics
    /// If they do not start.
    pub fn restart(&mut self) {
        self.kill();
        self.nodes.iter_mut().for_each(Node::begin);
        for node in &mut self.nodes {
            node.until_started();
        }
    }

    /// As SIGKILL does, to one node; they are counted from zero.
    pub fn kill_node(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// Ends one node in order: it gives its partitions to others first.
    pub fn stop_node(&mut self, index: usize) {
        self.nodes[index].stop();
    }

    /// Starts one node again.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_node(&mut self, index: usize) {
        self.nodes[index].kill();
        self.nodes[index].begin();
        self.nodes[index].until_started();
    }

    /// Starts all nodes for the first time.
    fn begin(&mut self) -> Result<(), NotStarted> {
        self.nodes.iter_mut().for_each(Node::begin);
        let failed: Vec<_> = self.nodes.iter_mut().filter_map(|node| node.started().err()).collect();
        // One that has no port keeps others waiting.
        failed.into_iter().max_by_key(NotStarted::port_was_taken).map_or(Ok(()), Err)
    }
}
