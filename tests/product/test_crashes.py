"""Processes that die during a call, hosts and whole workers: every call still ends once for its caller."""

from __future__ import annotations

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue

WAYS = [
    ("exit", "exit code 3"),
    ("SIGKILL", "SIGKILL"),
    ("SIGSEGV", "SIGSEGV"),
    ("SIGABRT", "SIGABRT"),
    ("SIGTERM", "ended by signal 15"),
]
# Takeover in a second instead of 45.
QUICK = {"PRPC_REDIS_HEARTBEAT_INTERVAL_SEC": 0.3, "PRPC_REDIS_RECOVER_INTERVAL_SEC": 1}


@pytest.mark.parametrize(("how", "said"), WAYS)
@pytest.mark.parametrize("kind", ["process", "thread"])
def test_a_call_that_takes_its_process_with_it_is_answered_with_how(
    queue: Queue, start: StartWorker, kind: str, how: str, said: str
) -> None:
    worker = start("crashes:app", queue).until_ready()
    assert said in queue.error(queue.send(f"die_{kind}", how))
    assert queue.call("add_thread", 1, 2) == 3
    queue.until_settled()
    assert worker.is_running()


def test_calls_beside_a_crashing_process_worker_are_not_hurt(queue: Queue, start: StartWorker) -> None:
    worker = start("crashes:app", queue, PRPC_CONCURRENCY=3).until_ready()
    held = queue.send("hold_process", "gate")
    worker.trace.until_noted("gate")
    assert queue.error(queue.send("die_process", "SIGKILL"))
    worker.trace.open_gate("gate")
    assert queue.result(held) == "gate"
    assert len(worker.trace.lines("gate")) == 1


@pytest.mark.parametrize("kind", ["thread", "async"])
def test_calls_that_share_a_process_with_a_crash_are_started_again(queue: Queue, start: StartWorker, kind: str) -> None:
    worker = start("crashes:app", queue).until_ready()
    held = queue.send(f"hold_{kind}", "gate")
    dying = queue.send(f"die_once_{kind}", "dying", "gate")
    worker.trace.until_noted("gate", 2)
    worker.trace.open_gate("gate")
    assert (queue.result(held), queue.result(dying)) == ("gate", "dying")
    assert queue.dead() == []


def test_a_call_that_crashes_again_and_again_is_given_up(queue: Queue, start: StartWorker) -> None:
    worker = start("crashes:app", queue, PRPC_MAX_ATTEMPTS=3).until_ready()
    calls = [queue.send("die_always_thread", "one", "two"), queue.send("die_always_thread", "two", "one")]
    errors = [queue.error(call) for call in calls]
    assert all("3 attempts" in error and "exit code 3" in error for error in errors), errors
    assert [len(worker.trace.lines(name)) for name in ("one", "two")] == [3, 3]
    assert [letter["reason"] for letter in queue.dead()] == [b"max_attempts"] * 2
    queue.until_settled()
    assert queue.call("add_thread", 1, 2) == 3


@pytest.mark.parametrize("kind", ["thread", "process", "async"])
def test_calls_of_a_killed_worker_are_taken_over_by_another(queue: Queue, start: StartWorker, kind: str) -> None:
    first = start("crashes:app", queue, **QUICK).until_ready()
    held = queue.send(f"hold_{kind}", "gate")
    first.trace.until_noted("gate")
    first.kill()
    second = start("crashes:app", queue, **QUICK).until_ready()
    second.trace.until_noted("gate", 2)
    second.trace.open_gate("gate")
    assert queue.result(held) == "gate"
    queue.until_settled()


def test_nothing_of_a_killed_worker_lives_on(queue: Queue, start: StartWorker) -> None:
    worker = start("crashes:app", queue).until_ready()
    for kind in ("thread", "process", "async"):
        queue.send(f"hold_{kind}", kind)
        worker.trace.until_noted(kind)
    processes = worker.descendants()
    assert len(processes) >= 1 + 1 + 4 + 1  # the template, and hosts of three kinds
    worker.kill()
    until(lambda: not any(process.is_alive() for process in processes), "all of its processes are gone")


def test_a_call_that_is_shown_to_be_alive_is_not_taken_over(queue: Queue, start: StartWorker) -> None:
    first = start("crashes:app", queue, **QUICK).until_ready()
    second = start("crashes:app", queue, **QUICK).until_ready()
    held = queue.send("hold_thread", "gate")
    first.trace.until_noted("gate")
    # As long as it takes to take over a call that really was abandoned, after the other one was held.
    third = start("crashes:app", queue, **QUICK).until_ready()
    idle = queue.redis.xpending(queue.streams["native"], "prpc_group_consumers")["pending"]
    assert idle == 1
    _wait_for_heartbeats(queue, 4)
    first.trace.open_gate("gate")
    assert queue.result(held) == "gate"
    assert len(first.trace.lines("gate")) == 1
    assert second.is_running() and third.is_running()


def _wait_for_heartbeats(queue: Queue, beats: int) -> None:
    """Until the idle time of the one pending entry went back to the beginning so many times."""
    before = back = 0

    def look() -> bool:
        nonlocal before, back
        [entry] = queue.redis.xpending_range(queue.streams["native"], "prpc_group_consumers", "-", "+", 1)
        back += entry["time_since_delivered"] < before
        before = entry["time_since_delivered"]
        return bool(back >= beats)

    until(look, f"{beats} heartbeats")


def test_the_template_can_die(queue: Queue, start: StartWorker) -> None:
    worker = start("crashes:app", queue).until_ready()
    assert queue.call("add_thread", 1, 2) == 3
    template = min(worker.descendants(), key=lambda process: int(process.started))
    template.kill()
    assert queue.call("add_thread", 1, 2) == 3
    assert queue.error(queue.send("die_thread", "exit"))
    assert queue.call("add_thread", 1, 2) == 3
