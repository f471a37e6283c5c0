"""Redis is absent, restarts, forgets: clear words, no lost call, and work goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from conftest import StartWorker
from deadline import until
from producer import Producer
from queue_client import Queue
from redis_server import RedisServer

RESUMED_WITHIN = 2.0
"""Seconds after Redis answers again, of which the test's own Redis client needs some."""


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own that keeps what it accepted."""
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis", durable=True)
    yield server
    server.kill()


def test_a_worker_waits_for_a_redis_that_is_absent_and_says_so(redis_server: RedisServer, start: StartWorker) -> None:
    queue = Queue(redis_server)
    worker = start("recorder:app", queue)
    until(lambda: "no connection to the broker" in worker.stderr(), "the log names what is missing")
    assert worker.page("/live")[0] == 200
    # Another of its connections may be the first to fail.
    unreachable = (503, "the broker cannot be reached\n")
    until(lambda: worker.page("/ready") == unreachable, "the page says so too")
    redis_server.start()
    worker.until_ready()
    assert queue.call("f", 1) == [(1,), {}]
    lines = [line for line in worker.stderr().splitlines() if "no connection to the broker" in line]
    assert len(lines) < 50, "a line for each of the growing pauses, not a flood"


def test_a_worker_that_waits_for_redis_can_be_ended(redis_server: RedisServer, start: StartWorker) -> None:
    worker = start("recorder:app", Queue(redis_server))
    until(lambda: "no connection to the broker" in worker.stderr(), "it waits")
    worker.terminate()
    assert worker.exit_code() == 0


def test_redis_killed_under_load_loses_no_call_and_work_goes_on(redis_server: RedisServer, start: StartWorker) -> None:
    queue = Queue(redis_server.start())
    worker = start("work:app", queue, PRPC_CONCURRENCY=8).until_ready()
    producer = Producer(queue)
    producer.start()
    for times in range(1, 4):
        producer.until_accepted(200 * times)
        redis_server.kill()
        until(lambda: worker.page("/ready")[0] == 503, "the worker notices")
        redis_server.start()
        probe = queue.send("work_thread", -times, 0)
        assert queue.result(probe, RESUMED_WITHIN) == -times
    producer.stopped.set()
    producer.join()
    assert {call: queue.result(call) for call in producer.accepted} == producer.accepted
    queue.until_settled()
    assert worker.is_running()


def test_a_call_that_runs_while_redis_restarts_is_answered_and_not_run_again(
    redis_server: RedisServer, start: StartWorker
) -> None:
    queue = Queue(redis_server.start())
    worker = start("work:app", queue).until_ready()
    held = queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    redis_server.kill()
    worker.trace.open_gate("gate")
    until(lambda: worker.page("/ready")[0] == 503, "the worker notices")
    redis_server.start()
    assert queue.result(held) == "gate"
    queue.until_settled()
    assert len(worker.trace.lines("gate")) == 1


def test_an_answer_that_redis_does_not_take_yet_is_kept_through_a_drain(
    redis_server: RedisServer, start: StartWorker
) -> None:
    queue = Queue(redis_server.start())
    worker = start("work:app", queue).until_ready()
    held = queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    redis_server.kill()
    worker.trace.open_gate("gate")
    worker.terminate()
    redis_server.start()
    assert worker.exit_code() == 0
    assert queue.result(held) == "gate"


def test_a_redis_that_is_full_keeps_calls_waiting_and_loses_none(redis_server: RedisServer, start: StartWorker) -> None:
    queue = Queue(redis_server.start())
    queue.redis.config_set("maxmemory-policy", "noeviction")
    worker = start("work:app", queue).until_ready()
    waiting = [queue.send("work_thread", number) for number in range(20)]
    held = queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    queue.redis.config_set("maxmemory", "1mb")
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        queue.send("work_thread", -1)
    worker.trace.open_gate("gate")
    until(lambda: "the broker takes no replies" in worker.stderr(), "the log says so")
    assert worker.page("/live")[0] == 200
    queue.redis.config_set("maxmemory", 0)
    assert queue.result(held) == "gate"
    assert [queue.result(call) for call in waiting] == list(range(20))
    queue.until_settled()
    assert len(worker.trace.lines("gate")) == 1


CUTS = 60


def test_all_connections_are_cut_once_a_second_for_a_minute(redis_server: RedisServer, start: StartWorker) -> None:
    queue = Queue(redis_server.start())
    worker = start("work:app", queue, PRPC_CONCURRENCY=8).until_ready()
    producer = Producer(queue)
    producer.start()
    killer: Any = redis.Redis(port=redis_server.port, protocol=2)
    for _ in range(CUTS):
        seen = len(producer.accepted)
        second = time.monotonic() + 1
        killer.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        producer.until_accepted(seen + 1)
        until(lambda second=second: time.monotonic() > second, "a second is over", pause=0.05)  # type: ignore[misc]
    producer.stopped.set()
    producer.join()
    assert {call: queue.result(call) for call in producer.accepted} == producer.accepted
    queue.until_settled()
    assert worker.is_running()


@pytest.mark.parametrize("command", ["FLUSHALL", "destroy", "delete"])
def test_a_queue_that_was_removed_is_made_again(redis_server: RedisServer, start: StartWorker, command: str) -> None:
    queue = Queue(redis_server.start())
    worker = start("recorder:app", queue).until_ready()
    assert queue.call("f", 1) == [(1,), {}]
    if command == "FLUSHALL":
        queue.redis.flushall()
    elif command == "destroy":
        queue.redis.xgroup_destroy(queue.streams["native"], "prpc_group_consumers")
    else:
        queue.redis.delete(*queue.streams.values())
    calls = [queue.send("f", number) for number in range(20)]
    assert [queue.result(call)[0] for call in calls] == [(number,) for number in range(20)]
    assert queue.raw_reply(queue.send_raw("f", 2))["result"] == [[2], {}]
    queue.until_settled()
    assert worker.is_running()
