//! One node of Kafka: its ports, its properties, its process.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::port::free_port;
use crate::process::{NotStarted, Process, until_started};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kafka/node.sh");
const COMMON: &str = include_str!("../../../../tests/kafka/node.properties");
pub(super) const PROGRAM: &str = "Kafka";
const LISTENS: &str = "Kafka Server started";

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: usize,
    pub(super) folder: PathBuf,
    /// What goes away with the owner: the folder of the whole server.
    server: PathBuf,
    process: Option<Process>,
    /// For clients, for other brokers, for controllers.
    ports: [u16; 3],
}

impl Node {
    pub(super) fn new(id: usize, server: &Path) -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let folder = server.join(format!("node-{id}"));
        Self { id, folder, server: server.to_owned(), process: None, ports }
    }

    /// Where clients connect.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// How the controllers name it.
    pub(super) fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.id, self.ports[2])
    }

    /// Makes its folder: what all nodes have in common, what is its own, and then what was asked for.
    pub(super) fn write(&self, properties: &[(String, String)], scram: &str) {
        let [clients, brokers, controllers] = self.ports;
        let advertised = format!("CLIENTS://127.0.0.1:{clients},INTERNAL://127.0.0.1:{brokers}");
        let mut text = format!(
            "{COMMON}node.id={}\nlisteners={advertised},CONTROLLER://127.0.0.1:{controllers}\n\
             advertised.listeners={advertised}\nlog.dirs={}\n",
            self.id,
            self.folder.join("data").display()
        );
        for (key, value) in properties {
            text += &format!("{key}={value}\n");
        }
        fs::create_dir(&self.folder).expect("a folder for a node");
        fs::write(self.folder.join("server.properties"), text).expect("a file in a folder of our own");
        if !scram.is_empty() {
            fs::write(self.folder.join("scram"), scram).expect("a file in a folder of our own");
        }
    }

    /// Starts its process.
    pub(super) fn begin(&mut self) {
        let command = ["sh", SCRIPT, &self.folder.display().to_string()].map(str::to_owned);
        self.process = Some(Process::start(&command, &self.server, self.folder.join("server.log")));
    }

    /// Waits until it listens.
    pub(super) fn started(&mut self) -> Result<(), NotStarted> {
        self.process.as_mut().map_or(Ok(()), |process| process.until_logged(LISTENS))
    }

    /// Waits until it listens, and starts it again while somebody else has its port.
    pub(super) fn until_started(&mut self) {
        let mut first = true;
        let outcome = until_started(|| {
            if !std::mem::take(&mut first) {
                self.begin();
            }
            self.started()
        });
        if let Err(why) = outcome {
            why.fail(PROGRAM);
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }

    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Sends a request for a rule to the listener of the brokers, which knows no users.
    pub(super) fn create_rule(&self, request: &super::rule::Request) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.ports[1])).expect("the node listens");
        connection.write_all(&request.0).expect("the node reads");
        let mut length = [0; 4];
        connection.read_exact(&mut length).expect("the node answers");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        connection.read_exact(&mut answer).expect("the node answers in full");
        assert!(super::rule::is_accepted(&answer), "Kafka refuses a rule: {answer:?}");
    }
}
