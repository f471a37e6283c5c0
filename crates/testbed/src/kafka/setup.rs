//! What a Kafka is to be like, before it is started.

use super::KafkaServer;
use super::access::{Access, Sasl, Tls};
use super::node::{Node, PROGRAM};
use crate::certificates::Certificates;
use crate::process::PORTS;

/// How many copies of a topic there are, if there are as many nodes.
const COPIES: usize = 3;

/// A Kafka to be started.
#[derive(Debug, Clone)]
#[must_use]
pub struct KafkaSetup {
    nodes: usize,
    pub(super) access: Access,
    properties: Vec<(String, String)>,
}

impl Default for KafkaSetup {
    fn default() -> Self {
        Self { nodes: 1, access: Access::default(), properties: Vec::new() }
    }
}

impl KafkaSetup {
    /// So many nodes, up to nine.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Another property of its nodes; it wins over whatever else says the same.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Clients have to log in.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.access.sasl = Some(sasl);
        self
    }

    /// Connections are encrypted.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.access.tls = Some(tls);
        self
    }

    /// Users may do only what is [allowed](KafkaServer::allow). Needs users, so `sasl` or `tls(Tls::Mutual)`: who has no name is
    /// taken for a broker.
    pub fn authorized(mut self) -> Self {
        self.access.authorized = true;
        self
    }

    /// Starts it, and returns when all nodes listen.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(self) -> KafkaServer {
        for _ in 0..PORTS {
            let mut server = self.clone().prepare();
            match server.begin() {
                Ok(()) => return server,
                Err(why) if why.port_was_taken() => {}
                Err(why) => why.fail(PROGRAM),
            }
        }
        panic!("no ports for Kafka: {PORTS} times, one that was free was taken by others");
    }

    fn prepare(self) -> KafkaServer {
        let folder =
            tempfile::Builder::new().prefix("prpc-test-kafka-").tempdir().expect("a temporary folder");
        let certificates = Certificates::new(folder.path());
        let nodes: Vec<_> = (1..=self.nodes).map(|id| Node::new(id, folder.path())).collect();
        let voters: Vec<_> = nodes.iter().map(Node::voter).collect();
        let mut properties = vec![("controller.quorum.voters".to_owned(), voters.join(","))];
        let copies = self.nodes.min(COPIES);
        for topics in ["default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
            properties.push((format!("{topics}.replication.factor"), copies.to_string()));
        }
        // An answer means that it survives the loss of a node.
        for topics in ["", "transaction.state.log.", "share.coordinator.state.topic."] {
            let name =
                if topics.is_empty() { "min.insync.replicas".to_owned() } else { format!("{topics}min.isr") };
            properties.push((name, copies.min(2).to_string()));
        }
        properties.extend(self.access.server(&certificates));
        properties.extend(self.properties.iter().cloned());
        for node in &nodes {
            node.write(&properties, &self.access.scram());
        }
        KafkaServer { nodes, setup: self, certificates, folder }
    }
}
