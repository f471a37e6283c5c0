//! A real Redis server in a folder of its own, ended with the test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use prpc_broker::Url;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use crate::deadline::DEADLINE;

pub(crate) struct RedisServer {
    child: Option<Child>,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    arguments: Vec<String>,
}

impl RedisServer {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    pub(crate) fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { child: None, folder, port, arguments };
        server.restart();
        server
    }

    /// Starts the server again with the same data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let socket = self.socket();
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--unixsocket", &socket, "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (tests/install.sh)");
        self.child = Some(child);
        let end = Instant::now() + DEADLINE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < end, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As SIGKILL does: nothing is saved on the way out.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_file(self.socket());
        }
    }

    pub(crate) fn url(&self) -> Url {
        Url::new(format!("redis://127.0.0.1:{}", self.port))
    }

    /// A connection for the test itself.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("redis+unix://{}", self.socket())).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    fn socket(&self) -> String {
        self.folder.path().join("redis.sock").to_str().unwrap().to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
