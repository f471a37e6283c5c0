"""SIGTERM: what runs is finished, what waits goes back, and nothing of the worker is left."""

from __future__ import annotations

import signal

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue

KINDS = ("thread", "process", "async")


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_told_to_end_under_load_loses_nothing(queue: Queue, start: StartWorker, kind: str) -> None:
    first = start("work:app", queue).until_ready()
    calls = {queue.send(f"work_{kind}", number): number for number in range(400)}
    until(lambda: len(queue.answered(list(calls))) >= 20, "some calls are answered")
    processes = first.descendants()
    first.terminate()
    assert first.exit_code() == 0
    assert not any(process.is_alive() for process in processes)
    assert len(queue.answered(list(calls))) < 400, "there was something to hand back"

    second = start("work:app", queue).until_ready()
    assert {call: queue.result(call) for call in calls} == calls
    queue.until_settled()
    assert all(len(second.trace.lines(f"work_{number}")) == 1 for number in range(400)), "no call ran twice"


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_runs_is_finished_and_nothing_new_is_taken(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("work:app", queue).until_ready()
    held = queue.send(f"hold_{kind}", "gate")
    worker.trace.until_noted("gate")
    worker.terminate()
    until(lambda: worker.page("/ready") == (503, "draining\n"), "the worker is draining")
    later = queue.send(f"work_{kind}", 1)
    worker.trace.open_gate("gate")
    assert queue.result(held) == "gate"
    assert worker.exit_code() == 0
    assert worker.trace.lines("work_1") == [] and (queue.entries(), queue.pending()) == (1, 0)
    start("work:app", queue)
    assert queue.result(later) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_after_the_grace_period_calls_are_handed_back_and_run_elsewhere(
    queue: Queue, start: StartWorker, kind: str
) -> None:
    first = start("work:app", queue, PRPC_GRACE_PERIOD_SEC=0.3).until_ready()
    held = queue.send(f"hold_{kind}", "gate")
    first.trace.until_noted("gate")
    processes = first.descendants()
    first.terminate()
    assert first.exit_code() == 0
    assert not any(process.is_alive() for process in processes)
    # Handed back, not only abandoned: the next worker has it at once, not after the recovery interval of 45 s.
    second = start("work:app", queue).until_ready()
    second.trace.until_noted("gate", 2)
    second.trace.open_gate("gate")
    assert queue.result(held) == "gate"


def test_an_idle_worker_ends_at_once(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue, PRPC_GRACE_PERIOD_SEC=60).until_ready()
    worker.terminate()
    assert worker.exit_code(5) == 0


def test_a_daemon_that_a_function_left_behind_does_not_hold_up_anything(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue, PRPC_CONCURRENCY=1).until_ready()
    daemon = queue.call("leave_a_daemon")
    assert "exit code 4" in queue.error(queue.send("end_process"))
    assert queue.call("work_process", 1) == 1
    assert daemon in {process.pid for process in worker.descendants()}
    worker.terminate()
    assert worker.exit_code() == 0


def test_ctrl_c_drains_too_and_a_second_one_ends_at_once(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue, PRPC_GRACE_PERIOD_SEC=60).until_ready()
    queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    processes = worker.descendants()
    worker.signal(signal.SIGINT)
    until(lambda: worker.page("/ready")[0] == 503, "the worker is draining")
    worker.signal(signal.SIGINT)
    assert worker.exit_code(10) != 0
    until(lambda: not any(process.is_alive() for process in processes), "all of its processes are gone")
