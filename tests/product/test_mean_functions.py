"""Functions that misuse their process: the call ends, others are answered, and the worker lives and drains."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conftest import StartWorker
from deadline import PATIENCE, until
from queue_client import CallFailed, Queue
from worker import Worker

KINDS = ["thread", "process", "async"]


def works_on(queue: Queue, worker: Worker) -> None:
    """Every kind of host takes calls and the worker ends as it should."""
    for kind in KINDS:
        gate = f"after_{kind}"
        worker.trace.open_gate(gate)
        assert queue.call(f"hold_{kind}", gate) == gate
    queue.until_settled()
    worker.terminate()
    assert worker.exit_code() == 0


def outcome(queue: Queue, kind: str, what: str, seconds: float = PATIENCE) -> object:
    try:
        return queue.result(queue.send(f"mean_{kind}", what), seconds)
    except CallFailed as error:
        return error


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_prints_a_gigabyte(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("mean:app", queue, stdout=subprocess.DEVNULL).until_ready()
    before = resident_mib(worker)
    assert outcome(queue, kind, "print_a_gigabyte") == 1024
    assert resident_mib(worker) < before + 50
    works_on(queue, worker)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_closes_all_files(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("mean:app", queue, PRPC_MAX_ATTEMPTS=2).until_ready()
    error = outcome(queue, kind, "close_all_files")
    assert isinstance(error, CallFailed), "its result cannot be told any more"
    assert len(worker.trace.lines("close_all_files")) <= 2
    works_on(queue, worker)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_that_changes_the_signal_handlers(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("mean:app", queue, PRPC_TIMEOUT_SEC=1).until_ready()
    assert outcome(queue, kind, "change_signal_handlers") == "changed"
    assert "server timeout" in queue.error(queue.send(f"hold_{kind}", "never"))
    works_on(queue, worker)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_that_sends_garbage_is_replaced(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("mean:app", queue, PRPC_MAX_ATTEMPTS=2).until_ready()
    held = queue.send("hold_process" if kind != "process" else "hold_thread", "beside")
    worker.trace.until_noted("beside")
    outcome(queue, kind, "send_garbage")
    until(lambda: "a worker host is unusable and is replaced" in worker.stderr(), "the log says so")
    worker.trace.open_gate("beside")
    assert queue.result(held) == "beside"
    assert len(worker.trace.lines("beside")) == 1, "calls in other hosts are not hurt"
    works_on(queue, worker)


def test_a_full_disk_for_logs(queue: Queue, start: StartWorker) -> None:
    with Path("/dev/full").open("wb") as full:
        worker = start("mean:app", queue, stdout=full, stderr=full, PRPC_LOG="debug").until_ready()
        queue.add("this is no request")
        error = queue.error(queue.send("print_process", "x" * 10_000))
        assert "No space left on device" in error, "the function is told by Python"
        works_on(queue, worker)


def resident_mib(worker: Worker) -> float:
    """Of the runtime, without its hosts."""
    return int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)
