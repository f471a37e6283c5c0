//! A real Redis server.

use std::path::Path;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use crate::port::free_port;
use crate::process::{NotStarted, PORTS, Process, until_started};

const PROGRAM: &str = "redis-server";
const LISTENS: &str = "Ready to accept connections";

/// A `redis-server` in a folder of its own, ended with its owner.
#[derive(Debug)]
pub struct RedisServer {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    tls_port: Option<u16>,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts a server with further arguments, and returns when it listens.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on(free_port, arguments, false)
    }

    /// Starts a server with a second port for encrypted connections, which shows this certificate.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_encrypted(certificate: &Path, key: &Path) -> Self {
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        let arguments = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        Self::start_on(free_port, &arguments, true)
    }

    fn start_on(mut port: impl FnMut() -> u16, arguments: &[&str], encrypted: bool) -> Self {
        let folder =
            tempfile::Builder::new().prefix("prpc-test-redis-").tempdir().expect("a temporary folder");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { process: None, folder, port: 0, tls_port: None, arguments };
        for _ in 0..PORTS {
            server.port = port();
            server.tls_port = encrypted.then(&mut port);
            match server.run() {
                Ok(()) => return server,
                Err(why) if why.port_was_taken() => {}
                Err(why) => why.fail(PROGRAM),
            }
        }
        panic!("no port for redis-server: {PORTS} that were free were taken by others");
    }

    /// Starts the server again, with the same data and the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        if let Err(why) = until_started(|| self.run()) {
            why.fail(PROGRAM);
        }
    }

    /// As SIGKILL does: nothing is saved on the way out.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data and its log `server.log` are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The address for encrypted connections.
    ///
    /// # Panics
    /// If it was not started for them.
    #[must_use]
    pub fn encrypted_url(&self) -> String {
        format!("rediss://localhost:{}", self.tls_port.expect("started with `start_encrypted`"))
    }

    /// A connection for the test itself.
    ///
    /// # Panics
    /// If the server refuses it.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket())).expect("an address");
        client.get_multiplexed_async_connection().await.expect("redis-server takes a connection")
    }

    fn run(&mut self) -> Result<(), NotStarted> {
        // Left behind by one that was killed.
        let _ = std::fs::remove_file(self.socket());
        let (port, socket) = (self.port.to_string(), self.socket());
        let folder = self.folder.path().display().to_string();
        let mut command = vec![PROGRAM, "--bind", "127.0.0.1", "--port", &port, "--unixsocket", &socket];
        command.extend(["--save", "", "--dir", &folder]);
        let tls_port = self.tls_port.map(|port| port.to_string());
        if let Some(port) = &tls_port {
            command.extend(["--tls-port", port]);
        }
        command.extend(self.arguments.iter().map(String::as_str));
        let command: Vec<_> = command.into_iter().map(str::to_owned).collect();
        let process =
            self.process.insert(Process::start(&command, self.folder(), self.folder().join("server.log")));
        process.until_logged(LISTENS)
    }

    /// The path of its socket for programs on this machine.
    #[must_use]
    pub fn socket(&self) -> String {
        self.folder.path().join("redis.sock").display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_port_that_somebody_else_has_is_not_the_servers() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = other.local_addr().expect("its address").port();
        let mut ports = [taken, taken, free_port()].into_iter();
        let server = RedisServer::start_on(|| ports.next().expect("three ports"), &[], false);
        assert_ne!(server.port(), taken);
    }

    #[test]
    fn a_restarted_server_waits_for_the_port_it_had() {
        let mut server = RedisServer::start(&[]);
        server.kill();
        let other = TcpListener::bind(("127.0.0.1", server.port())).expect("the port is free");
        let log = server.folder().join("server.log");
        let leave = std::thread::spawn(move || {
            while !std::fs::read_to_string(&log).expect("a log").contains("Address already in use") {
                std::thread::sleep(Duration::from_millis(5));
            }
            drop(other);
        });
        let port = server.port();
        server.restart();
        leave.join().expect("it was seen that the port was taken");
        assert_eq!(server.port(), port);
    }

    #[test]
    #[should_panic(expected = "no-such-setting")]
    fn a_server_that_does_not_start_is_told_about_with_what_it_said() {
        let _ = RedisServer::start(&["--no-such-setting", "1"]);
    }
}
