"""The command line as people use it, against a real worker. What needs no worker is tested beside the command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue
from worker import BINARY, PROGRAMS, ROOT, Worker, environment


class Prpc:
    """The command, for one queue."""

    def __init__(self, queue: Queue) -> None:
        self._environment = environment(PRPC_URL_BROKER=queue.server.url, PRPC_QUEUE_NAME=queue.name)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BINARY, *arguments], env=self._environment, capture_output=True, text=True, timeout=120)

    def says(self, *arguments: str) -> str:
        """What it prints; an AssertionError if it fails."""
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def prpc(queue: Queue) -> Prpc:
    """The command for the test's queue."""
    return Prpc(queue)


@pytest.fixture
def worker(start: StartWorker, queue: Queue) -> Worker:
    """A worker with functions of all kinds."""
    return start("kinds:app", queue, PRPC_MAX_ATTEMPTS=1).until_ready()


@pytest.mark.usefixtures("worker")
def test_call_prints_what_a_function_returns_and_fails_with_what_it_raises(prpc: Prpc) -> None:
    assert prpc.says("call", "add_process", "1", "--kw", "b=5") == "6\n"
    assert json.loads(prpc.says("call", "echo_async", '{"a": [1, null]}', "--json")) == {"a": [1, None]}
    failed = prpc("call", "fail_thread", "text")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "boom" in failed.stderr
    assert prpc("call", "nope").returncode == 1


@pytest.mark.usefixtures("worker")
def test_functions_and_stubs_list_what_the_worker_serves(prpc: Prpc, tmp_path: Path) -> None:
    assert "add_thread" in prpc.says("functions") and "(a: int, b=2)" in prpc.says("functions")
    prpc.says("stubs", "--out", str(tmp_path / "server_func.py"))
    stubs = (tmp_path / "server_func.py").read_text()
    assert "def add_thread(" in stubs and "b=2" in stubs, stubs
    compile(stubs, "server_func.py", "exec")


def test_queue_tells_how_much_is_to_be_done(prpc: Prpc, queue: Queue, start: StartWorker) -> None:
    calls = [queue.send("hold_thread", "gate") for _ in range(5)]
    worker = start("work:app", queue, PRPC_CONCURRENCY=2).until_ready()
    worker.trace.until_noted("gate", 2)
    seen = json.loads(prpc.says("queue", "--json"))
    assert (seen["queue"], seen["undelivered"], seen["in_flight"]) == (queue.name, 3, 2)
    worker.trace.open_gate("gate")
    assert [queue.result(call) for call in calls] == ["gate"] * 5
    until(lambda: json.loads(prpc.says("queue", "--json"))["in_flight"] == 0, "nothing is left")


def test_a_dead_letter_can_be_looked_at_and_sent_again(prpc: Prpc, queue: Queue, start: StartWorker) -> None:
    start("crashes:app", queue, PRPC_MAX_ATTEMPTS=1).until_ready()
    calls = [queue.send("die_always_thread", "one", "two"), queue.send("die_always_thread", "two", "one")]
    assert all(queue.error(call) for call in calls)
    letters = json.loads(prpc.says("dead", "list", "--json"))
    assert len(letters) == 2
    assert "die_always_thread" in prpc.says("dead", "show", letters[0]["id"])
    prpc.says("dead", "drop", letters[0]["id"])
    prpc.says("dead", "retry", letters[1]["id"])
    # It waits for its partner, which does not come again.
    assert json.loads(prpc.says("dead", "list", "--json")) == []
    until(lambda: queue.pending() == 1, "the call is taken again")


def test_messages_are_decoded_and_checked_by_vector_files(prpc: Prpc, tmp_path: Path) -> None:
    folder = ROOT / "crates/contract/tests/vectors"
    for name in ("request", "reply", "raw_request", "raw_reply"):
        cases = json.loads((folder / f"{name}.json").read_text())
        # A message holds no value of another type than the protocol's, so nobody can be asked to write it.
        possible = sum("unsupported" not in json.dumps(case["value"]) for case in cases if "value" in case)
        possible += sum("value" not in case for case in cases)
        assert prpc.says("message", "check", str(folder / f"{name}.json")) == f"{possible} passed, 0 failed\n"
    wrong = json.loads((folder / "request.json").read_text())[:2]
    wrong[0]["value"]["$message"]["func_name"] = "another"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    failed = prpc("message", "check", str(tmp_path / "wrong.json"))
    assert failed.returncode == 1 and "1 passed, 1 failed" in failed.stdout


def test_a_worker_runs_from_flags_alone(queue: Queue) -> None:
    command = [BINARY, "run", str(PROGRAMS / "script.py"), "--broker", queue.server.url, "--queue", queue.name]
    process = subprocess.Popen(
        [*command, "--timeout", "5s"], env=environment(TRACE_FOLDER="/tmp"), stderr=subprocess.DEVNULL
    )
    try:
        assert queue.call("name") == "__main__"
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
