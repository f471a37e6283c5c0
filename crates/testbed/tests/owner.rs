//! Servers end with whoever started them.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use prpc_testbed::{KafkaServer, RedisServer};

const OWNER: &str = "PRPC_TESTBED_OWNER";

/// Starts this very program to run one test as the owner of a server, and gives what it says about the server. Whoever does
/// not keep the rest of what it says stops it from saying it.
fn owner(test: &str) -> (Child, String, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(OWNER, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test's name may stand before it.
    let said = lines.find_map(|line| Some(line.split_once("server=")?.1.to_owned())).unwrap();
    (child, said, lines)
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_whose_owner_is_killed_ends_and_leaves_no_folder() {
    if std::env::var_os(OWNER).is_some() {
        let server = RedisServer::start(&[]);
        println!("server={} {}", server.port(), server.folder().display());
        loop {
            std::thread::park();
        }
    }
    let (mut owner, said, _rest) = owner("a_server_whose_owner_is_killed_ends_and_leaves_no_folder");
    let (port, folder) = said.split_once(' ').unwrap();
    let port: u16 = port.parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("nobody listens", || TcpStream::connect(("127.0.0.1", port)).is_err());
    until("the folder is gone", || !Path::new(folder).exists());
}

#[test]
fn the_shared_kafka_ends_with_the_process_that_shares_it() {
    if std::env::var_os(OWNER).is_some() {
        let server = KafkaServer::shared();
        println!("server={} {}", server.bootstrap(), server.folder().display());
        return;
    }
    let (mut owner, said, _rest) = owner("the_shared_kafka_ends_with_the_process_that_shares_it");
    let (address, folder) = said.split_once(' ').unwrap();
    assert!(owner.wait().unwrap().success());
    until("nobody listens", || TcpStream::connect(address).is_err());
    until("the folder is gone", || !Path::new(folder).exists());
}

#[test]
fn a_server_that_is_dropped_leaves_nothing() {
    let server = RedisServer::start(&[]);
    let (port, folder) = (server.port(), server.folder().to_owned());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_server_that_is_started_again_has_its_port_and_its_data() {
    let mut server = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let port = server.port();
    redis::cmd("SET").arg("kept").arg("yes").exec_async(&mut server.connection().await).await.unwrap();
    server.restart();
    assert_eq!(server.port(), port);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let kept: String = redis::cmd("GET").arg("kept").query_async(&mut connection).await.unwrap();
    assert_eq!(kept, "yes");
}
