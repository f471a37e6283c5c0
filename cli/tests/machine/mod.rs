//! What the tests of the command share: the command itself, a Redis server, and a stand-in for a worker.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]
#![allow(dead_code, reason = "each test program uses a part")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use prpc_broker::{
    Broker as _, Consumer as _, Delivery, Holder as _, RedisBroker, RedisConfig, Reply, Settlement, Url,
};
use prpc_contract::json::Limits;
use prpc_contract::message::{Call, decode};
use prpc_contract::names::{QueueName, QueueNames};
use prpc_contract::value::Value;
use tokio::task::JoinHandle;

pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The command with an environment of its own.
pub(crate) fn prpc(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prpc"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PRPC_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_RUNTIME_DIR", folder).current_dir(folder).stdin(Stdio::null());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// A Redis server of its own and a folder for one test.
pub(crate) struct Machine {
    pub(crate) url: String,
    folder: tempfile::TempDir,
    server: Child,
    stdin: Option<ChildStdin>,
}

impl Machine {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = prpc(folder.path())
            .arg("local-redis")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("redis://127.0.0.1:"), "{url}");
        let stdin = server.stdin.take();
        Self { url: url.trim().to_owned(), folder, server, stdin }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Runs the command with this server's address in its environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        prpc(self.folder.path()).env("PRPC_URL_BROKER", &self.url).args(arguments).output().unwrap()
    }

    pub(crate) fn broker(&self) -> RedisBroker {
        let names = QueueNames::new(&QueueName::default());
        RedisBroker::new(RedisConfig::new(Url::new(&self.url), names)).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.server.wait();
    }
}

/// Answers calls until dropped: `summ` adds, `fail` raises, `poison` becomes a dead letter.
pub(crate) struct StandIn(JoinHandle<()>);

impl StandIn {
    pub(crate) async fn start(machine: &Machine, functions: Value) -> Self {
        let broker = machine.broker();
        broker.prepare().await.unwrap();
        let mut consumer = broker.consumer("stand-in").await.unwrap();
        let functions = Arc::new(functions);
        Self(tokio::spawn(async move {
            let holder = consumer.holder();
            loop {
                let taken = consumer.take(16.try_into().unwrap()).await.unwrap();
                let settlements = taken.into_iter().map(|delivery| settle(delivery, &functions)).collect();
                holder.settle(settlements).await.unwrap();
            }
        }))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn settle(delivery: Delivery, functions: &Value) -> Settlement {
    let now = SystemTime::now();
    let Ok(call) = decode(delivery.receipt.family, &delivery.body, &Limits::default(), now) else {
        return Settlement::DeadLetter {
            receipt: delivery.receipt,
            reason: "undecodable".into(),
            body: delivery.body,
            reply: None,
        };
    };
    if call.function == "poison" {
        return Settlement::DeadLetter {
            receipt: delivery.receipt,
            reason: "too many attempts".into(),
            body: delivery.body,
            reply: None,
        };
    }
    let body = call.reply_to.reply(answer(&call, functions), now);
    let reply = Reply { message_id: call.reply_to.id().to_string(), body };
    Settlement::Answer { receipt: delivery.receipt, reply }
}

fn answer(call: &Call, functions: &Value) -> Result<Value, String> {
    let (args, kwargs) = call.arguments.values().unwrap();
    let number = |value: &Value| if let Value::Int(number) = value { *number } else { 0 };
    match call.function.as_str() {
        "get_function_server" => Ok(functions.clone()),
        "summ" => {
            let by_name = kwargs.iter().map(|(_, value)| value);
            Ok(Value::Int(args.iter().chain(by_name).map(number).sum()))
        }
        "echo" => Ok(Value::Tuple(args)),
        "fail" => Err("no such order \x1b[31m".into()),
        name => Err(format!("func name '{name}' not found in server")),
    }
}
