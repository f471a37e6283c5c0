//! `prpc up` with a real Redis server, real workers and a real Python program.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]
#![cfg(target_os = "linux")]

mod machine;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use machine::{prpc, text, wait_for};
use rustix::process::{Pid, Signal, kill_process};

const MANIFEST: &str = "
apiVersion: prpc.dev/v1alpha1
kind: PrpcQueue
metadata: {name: sums}
spec:
  broker: {redis: {url: redis://redis:6379/0}}
  function: {app: app:app}
  worker: {type: thread, concurrency: 2}
  scaling: {minReplicas: 2, maxReplicas: 4}
";

const PROGRAM: &str = r#"
from prpc import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


@app.decorator_reg_func()
def summ(a, b):
    print('adding')
    return a + b
"#;

/// A folder with a program, and `prpc up` in it.
struct Up {
    folder: tempfile::TempDir,
    process: Child,
    said: Arc<Mutex<Vec<String>>>,
}

fn up_in(folder: &Path) -> Command {
    fs::create_dir_all(folder.join("tmp")).unwrap();
    let mut command = prpc(folder);
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python");
    command.arg("up").env("PYTHONPATH", package).env("TMPDIR", folder.join("tmp"));
    command
}

impl Up {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("prpcqueue.yaml"), MANIFEST).unwrap();
        fs::write(folder.path().join("app.py"), PROGRAM).unwrap();
        let mut process = up_in(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, stdout) = (Arc::clone(&said), process.stdout.take().unwrap());
        std::thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| lines.lock().unwrap().push(line));
        });
        let up = Self { folder, process, said };
        up.wait_for_line("worker 1 | ready", 1);
        up.wait_for_line("worker 2 | ready", 1);
        up
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn wait_for_line(&self, part: &str, times: usize) {
        wait_for(&format!("{part:?} in {:?}", self.said.lock().unwrap()), || {
            (self.said.lock().unwrap().iter().filter(|line| line.contains(part)).count() >= times)
                .then_some(())
        });
    }

    fn run(&self, arguments: &[&str]) -> String {
        let done = prpc(self.folder.path()).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
        text(&done.stdout)
    }

    fn redis_address(&self) -> String {
        let said = self.said.lock().unwrap();
        let url = said[0].split("redis://").nth(1).unwrap();
        url.trim_end_matches("/0").to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn ended(&mut self) -> ExitStatus {
        wait_for("the end", || self.process.try_wait().unwrap())
    }

    /// Every process that was started in the folder is gone, and so is Redis with its data.
    fn assert_nothing_is_left(&self, redis: &str) {
        let path = self.path();
        wait_for("the end of all processes", || processes_in(&path).is_empty().then_some(()));
        assert!(TcpStream::connect(redis).is_err(), "Redis still answers at {redis}");
        assert_eq!(fs::read_dir(path.join("tmp")).unwrap().count(), 0);
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The processes whose current folder is `folder`, with their command lines.
fn processes_in(folder: &Path) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let inside = pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder));
    inside.map(|pid| (pid, fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default())).collect()
}

#[test]
fn a_manifest_runs_answers_calls_without_an_address_and_ends_in_order() {
    let mut up = Up::start();
    assert_eq!(up.run(&["call", "summ", "2", "3"]), "5\n");
    up.wait_for_line("| adding", 1);
    assert!(up.run(&["queue"]).contains("sums"));
    let redis = up.redis_address();
    up.signal(Signal::INT);
    assert!(up.ended().success());
    up.assert_nothing_is_left(&redis);
    let listed = fs::read_dir(up.path())
        .unwrap()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("prpc-"));
    assert_eq!(fs::read_dir(listed.unwrap().path()).unwrap().count(), 0);
}

#[test]
fn the_program_is_found_beside_the_manifest() {
    let up = Up::start();
    let elsewhere = up.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let manifest = MANIFEST.replace("name: sums", "name: others").replace("minReplicas: 2", "minReplicas: 1");
    fs::write(up.path().join("others.yaml"), manifest).unwrap();
    let mut other = up_in(&elsewhere).args(["-f", "../others.yaml"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(other.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.into_iter().any(|line| line.contains("worker 1 | ready")));
    kill_process(Pid::from_child(&other), Signal::INT).unwrap();
    assert!(other.wait().unwrap().success());
}

#[test]
fn a_worker_that_dies_is_started_again() {
    let up = Up::start();
    let worker =
        processes_in(&up.path()).into_iter().find(|(_, line)| line.contains("--end-with-stdin")).unwrap();
    kill_process(Pid::from_raw(worker.0).unwrap(), Signal::KILL).unwrap();
    up.wait_for_line("| died", 1);
    up.wait_for_line("| ready", 3);
    assert_eq!(up.run(&["call", "summ", "2", "3"]), "5\n");
}

#[test]
fn nothing_survives_when_it_is_killed() {
    let mut up = Up::start();
    let redis = up.redis_address();
    up.signal(Signal::KILL);
    up.ended();
    up.assert_nothing_is_left(&redis);
}

#[test]
fn a_queue_runs_once_on_a_machine() {
    let up = Up::start();
    let second = up_in(up.folder.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("sums runs on this machine already"), "{}", text(&second.stderr));
}

#[test]
fn a_program_that_cannot_be_imported_ends_everything_with_1_and_its_traceback() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prpcqueue.yaml"), MANIFEST).unwrap();
    fs::write(folder.path().join("app.py"), "import no_such_module\n").unwrap();
    let done = up_in(folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stdout).contains("no_such_module"), "{}", text(&done.stdout));
    assert!(text(&done.stderr).contains("ended before it was ready"), "{}", text(&done.stderr));
}

#[test]
fn a_machine_without_redis_server_is_told_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prpcqueue.yaml"), MANIFEST).unwrap();
    let done = up_in(folder.path()).env("PATH", folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert!(text(&done.stderr).contains("apt-get install redis-server"), "{}", text(&done.stderr));
}

#[test]
fn a_manifest_that_is_wrong_ends_with_2_and_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let done = up_in(folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("prpcqueue.yaml"));
    fs::write(folder.path().join("prpcqueue.yaml"), MANIFEST.replace("concurrency: 2", "concurrency: two"))
        .unwrap();
    let done = up_in(folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(
        text(&done.stderr).contains("prpcqueue.yaml:8 (spec.worker.concurrency)"),
        "{}",
        text(&done.stderr)
    );
}
