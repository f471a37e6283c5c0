"""What a worker tells the orchestrator and people: its pages and its log."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

from conftest import StartWorker
from deadline import until
from queue_client import Queue
from worker import BINARY, Worker, environment


def metric(worker: Worker, name: str, **labels: str) -> float:
    """The value of one line of the metrics page; 0 if it is not there."""
    for line in worker.page("/metrics")[1].splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and all(f'{label}="{value}"' in (found[1] or "") for label, value in labels.items()):
            return float(found[2])
    return 0.0


def test_the_probes_answer(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue).until_ready()
    assert worker.page("/live") == (200, "live\n")
    assert worker.page("/startup") == (200, "started\n")
    assert worker.page("/ready") == (200, "ready\n")
    assert worker.page("/other")[0] == 404


def test_status_is_what_the_worker_does(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue, PRPC_INSTANCE_NAME="pod-1", PRPC_CONCURRENCY=3).until_ready()
    queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    queue.call("work_async", 1)
    status = json.loads(worker.page("/status")[1])
    assert (status["instance"], status["queue"], status["slots"]) == ("pod-1", queue.name, 3)
    assert (status["busy"], status["served"], status["draining"]) == (1, 1, False)
    assert {"name": "work_async", "worker": "async"} in status["functions"]
    worker.trace.open_gate("gate")
    until(lambda: json.loads(worker.page("/status")[1])["busy"] == 0, "the call has ended")


def test_metrics_count_calls_by_function_and_outcome(queue: Queue, start: StartWorker) -> None:
    worker = start("kinds:app", queue, PRPC_TIMEOUT_SEC=5).until_ready()
    for _ in range(3):
        queue.call("add_thread", 1)
    queue.error(queue.send("fail_process", "text"))
    queue.error(queue.send("nope"))
    queue.add("nonsense")
    queue.until_settled()
    assert metric(worker, "prpc_calls_total", function="add_thread", outcome="ok") == 3
    assert metric(worker, "prpc_calls_total", function="fail_process", outcome="error") == 1
    assert metric(worker, "prpc_calls_total", function="_unknown", outcome="rejected") == 2
    assert metric(worker, "prpc_dead_letters_total", reason="not-json") == 1
    assert metric(worker, "prpc_messages_received_total", kind="native") == 6
    assert metric(worker, "prpc_call_duration_seconds_count", function="add_thread") == 3
    assert metric(worker, "prpc_broker_connected") == 1
    assert worker.page("/metrics")[1].endswith("# EOF\n")


def test_replaced_hosts_are_counted_by_reason(queue: Queue, start: StartWorker) -> None:
    worker = start("hangs:app", queue, PRPC_TIMEOUT_SEC=0.2).until_ready()
    queue.error(queue.send("loop_in_process"))
    assert metric(worker, "prpc_worker_restarts_total", reason="timeout") == 1
    assert metric(worker, "prpc_calls_total", function="loop_in_process", outcome="timeout") == 1


def test_the_log_is_json_where_nobody_sits_and_hides_passwords(queue: Queue, start: StartWorker) -> None:
    queue.redis.acl_setuser(
        "worker", enabled=True, passwords=["+s3cret"], keys=["*"], channels=["*"], categories=["+@all"]
    )
    url = queue.server.url.replace("redis://", "redis://worker:s3cret@")
    worker = start("work:app", queue, PRPC_URL_BROKER=url).until_ready()
    assert queue.call("work_thread", 1) == 1
    lines = [json.loads(line) for line in worker.stderr().splitlines()]
    assert {"level", "timestamp", "target"} <= set(lines[0])
    assert any("worker:***@127.0.0.1" in line for line in worker.stderr().splitlines())
    assert "s3cret" not in worker.stderr()
    assert "s3cret" not in "".join(worker.page(page)[1] for page in ("/status", "/metrics"))


def test_the_log_is_for_people_on_a_terminal(queue: Queue, start: StartWorker) -> None:
    terminal, theirs = pty.openpty()
    variables = {"PRPC_URL_BROKER": queue.server.url, "PRPC_QUEUE_NAME": queue.name, "TRACE_FOLDER": "/tmp"}
    process = subprocess.Popen(
        [BINARY, "run", "work:app"],
        env=environment(**variables),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    try:
        assert queue.call("ping") == "pong"
        process.terminate()
        said = b""
        while chunk := _read(terminal):
            said += chunk
        assert process.wait(10) == 0
        assert b"starting" in said and b'{"' not in said and b"every call that was taken" in said
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_port_that_is_taken_ends_the_worker_with_the_variable_to_change(queue: Queue, start: StartWorker) -> None:
    first = start("work:app", queue).until_ready()
    second = start("work:app", queue, PRPC_PAGES_ADDRESS=first.pages)
    assert second.exit_code() == 1
    assert "PRPC_PAGES_ADDRESS" in second.stderr()


def test_without_an_app_the_usage_is_told() -> None:
    done = subprocess.run([BINARY, "run"], env=environment(), capture_output=True, text=True)
    assert done.returncode == 2
    assert "module:attribute" in done.stderr
