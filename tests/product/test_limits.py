"""A call that does not end by itself is answered at its limit, and its slot is free for the next."""

from __future__ import annotations

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue

LIMIT = 0.3
TEXT = "the task was completed by server timeout 0.3 secs."


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("sleep_in_thread", "thread"),
        ("c_code_in_thread", "thread"),
        ("loop_in_process", "process"),
        ("c_code_in_process", "process"),
        ("deaf_process", "process"),
        ("wait_in_loop", "async"),
        ("blocked_loop", "async"),
        ("deaf_in_loop", "async"),
    ],
)
def test_a_call_over_its_limit_is_answered_and_its_slot_is_free_again(
    queue: Queue, start: StartWorker, function: str, kind: str
) -> None:
    worker = start("hangs:app", queue, PRPC_TIMEOUT_SEC=LIMIT, PRPC_CONCURRENCY=2).until_ready()
    over = [queue.send(function) for _ in range(4)]
    assert [queue.error(call) for call in over] == [TEXT] * 4
    # Each of these needs a slot of its own; they are short, so the limit is not in their way once they run.
    met = [queue.send(f"meet_{kind}", "met", 2) for _ in range(2)]
    assert [queue.result(call) for call in met] == [2, 2]
    queue.until_settled()
    assert worker.is_running()


@pytest.mark.parametrize(
    ("function", "kind", "calls"),
    [
        ("sleep_in_thread", "thread", 100),
        ("loop_in_thread", "thread", 100),
        ("sleep_in_process", "process", 100),
        ("loop_in_process", "process", 100),
        ("wait_in_loop", "async", 100),
        # A blocked loop starts no other call, so these come one after the other.
        ("loop_in_loop", "async", 5),
    ],
)
def test_after_many_calls_over_their_limit_all_slots_are_free(
    queue: Queue, start: StartWorker, function: str, kind: str, calls: int
) -> None:
    start("hangs:app", queue, PRPC_TIMEOUT_SEC=LIMIT, PRPC_CONCURRENCY=10).until_ready()
    over = [queue.send(function) for _ in range(calls)]
    assert [queue.error(call, 30) for call in over] == [TEXT] * calls
    met = [queue.send(f"meet_{kind}", "met", 10) for _ in range(10)]
    assert [queue.result(call) for call in met] == [10] * 10
    queue.until_settled()


@pytest.mark.parametrize("kind", ["thread", "process", "async"])
def test_calls_beside_one_over_its_limit_are_not_hurt(queue: Queue, start: StartWorker, kind: str) -> None:
    start("hangs:app", queue, PRPC_TIMEOUT_SEC=1, PRPC_CONCURRENCY=2).until_ready()
    hanging = {"thread": "sleep_in_thread", "process": "loop_in_process", "async": "wait_in_loop"}[kind]
    over = queue.send(hanging)
    beside = [queue.send(f"meet_{kind}", f"beside_{number}", 1) for number in range(50)]
    assert [queue.result(call) for call in beside] == [1] * 50
    assert queue.error(over) == "the task was completed by server timeout 1.0 secs."


def test_an_async_call_that_ends_when_it_is_cancelled_keeps_its_process(queue: Queue, start: StartWorker) -> None:
    start("hangs:app", queue, PRPC_TIMEOUT_SEC=LIMIT).until_ready()
    before = queue.call("pid_async")
    assert queue.error(queue.send("wait_in_loop")) == TEXT
    assert queue.call("pid_async") == before


def test_a_call_that_waits_for_a_slot_is_not_over_its_limit(queue: Queue, start: StartWorker) -> None:
    start("hangs:app", queue, PRPC_TIMEOUT_SEC=LIMIT, PRPC_CONCURRENCY=1).until_ready()
    over = [queue.send("sleep_in_thread") for _ in range(3)]
    last = queue.send("meet_thread", "last", 1)
    assert queue.result(last) == 1
    assert [queue.error(call) for call in over] == [TEXT] * 3


def test_without_a_limit_a_call_runs_as_long_as_it_takes(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue).until_ready()
    call = queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    worker.trace.open_gate("gate")
    assert queue.result(call) == "gate"


def test_a_blocked_event_loop_is_told_about_with_its_place_and_its_call_runs_once(
    queue: Queue, start: StartWorker
) -> None:
    settings = {"PRPC_REDIS_HEARTBEAT_INTERVAL_SEC": 0.3, "PRPC_REDIS_RECOVER_INTERVAL_SEC": 1}
    worker = start("hangs:app", queue, **settings).until_ready()
    call = queue.send("hold_the_loop", "gate")
    worker.trace.until_noted("gate")
    start("hangs:app", queue, **settings).until_ready()
    until(lambda: "the event loop is blocked" in worker.stderr(), "the stack of the blocked loop")
    assert "in hold_the_loop" in worker.stderr()
    worker.trace.open_gate("gate")
    assert queue.result(call) == "gate"
    assert len(worker.trace.lines("gate")) == 1


@pytest.mark.parametrize("kind", ["thread", "process", "async"])
def test_fast_calls_do_not_wait_behind_a_slow_one(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("work:app", queue, PRPC_CONCURRENCY=2).until_ready()
    # So that the function is known to be fast, and its calls are parked where others run.
    learned = [queue.send(f"work_{kind}", number, 0) for number in range(200)]
    assert [queue.result(call) for call in learned] == list(range(200))
    slow = queue.send(f"work_{kind}", -1, 5)
    fast = [queue.send(f"work_{kind}", number, 0) for number in range(200)]
    assert [queue.result(call, 3) for call in fast] == list(range(200))
    assert worker.trace.lines("work_-1") == []
    assert queue.result(slow) == -1
