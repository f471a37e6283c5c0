"""Hosts are replaced after so many calls, with so much memory, at such an age, and no caller notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue
from test_pages import metric

KINDS = ("thread", "process", "async")


@pytest.mark.parametrize("kind", KINDS)
def test_after_so_many_calls_another_host_runs_them(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("leaks:app", queue, PRPC_MAX_CALLS_PER_CHILD=20, PRPC_CONCURRENCY=2).until_ready()
    pids = set()
    for _ in range(10):
        calls = [queue.send(f"pid_{kind}") for _ in range(50)]
        pids |= {queue.result(call) for call in calls}
    until(lambda: metric(worker, "prpc_worker_restarts_total", reason="max_calls") >= 3, "hosts are recycled")
    assert len(pids) >= 3
    assert metric(worker, "prpc_calls_total", function=f"pid_{kind}", outcome="error") == 0
    assert metric(worker, "prpc_redeliveries_total") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_runs_ends_in_the_old_host_while_the_new_one_takes_others(
    queue: Queue, start: StartWorker, kind: str
) -> None:
    worker = start("leaks:app", queue, PRPC_MAX_CALLS_PER_CHILD=5, PRPC_CONCURRENCY=2).until_ready()
    held = queue.send(f"hold_{kind}", "gate")
    worker.trace.until_noted("gate")
    [holder] = worker.trace.lines("gate")
    pids = {queue.call(f"pid_{kind}") for _ in range(40)}
    assert len(pids - {int(holder)}) >= 2
    worker.trace.open_gate("gate")
    assert queue.result(held) == "gate"
    assert len(worker.trace.lines("gate")) == 1


def test_a_leak_does_not_grow_beyond_its_limit(queue: Queue, start: StartWorker) -> None:
    worker = start("leaks:app", queue, PRPC_MAX_MEMORY_PER_CHILD_MIB=150, PRPC_CONCURRENCY=1).until_ready()
    pids: set[int] = set()

    def three_have_leaked() -> bool:
        pids.add(queue.call("leak", 20))
        return len(pids) >= 3

    until(three_have_leaked, "three processes have leaked", 30, 0.05)
    assert metric(worker, "prpc_worker_restarts_total", reason="max_memory") >= 2
    resident = [memory(pid) for pid in pids if Path(f"/proc/{pid}").exists()]
    assert all(mib < 1000 for mib in resident)


def memory(pid: int) -> float:
    """Resident MiB of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) / 256


def test_an_idle_host_is_replaced_at_its_age_and_runs_its_exit_handlers(queue: Queue, start: StartWorker) -> None:
    worker = start("leaks:app", queue, PRPC_MAX_AGE_SEC=1).until_ready()
    before = queue.call("pid_thread")
    until(lambda: metric(worker, "prpc_worker_restarts_total", reason="max_age") >= 3, "hosts are recycled")
    worker.trace.until_noted("exit_handlers")
    until(lambda: queue.call("pid_thread") != before, "another host runs calls")
