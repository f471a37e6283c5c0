"""The real worker on a real Kafka: answers, drains, crashes, rebalances."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from deadline import until
from kafka_queue import KafkaQueue
from kafka_server import KafkaServer
from queue_client import CallFailed
from worker import Worker

Start = Callable[..., Worker]


@pytest.fixture
def kafka_queue(kafka: KafkaServer) -> KafkaQueue:
    """A queue of the test's own."""
    return KafkaQueue(kafka.bootstrap)


@pytest.fixture
def begin(start: Start, kafka_queue: KafkaQueue) -> Start:
    """Starts a worker on the queue."""

    def begin(app: str = "on_kafka:app", **settings: object) -> Worker:
        return start(app, kafka_queue, **settings)

    return begin


def test_calls_are_answered_in_either_form(begin: Start, kafka_queue: KafkaQueue) -> None:
    early = kafka_queue.send("add", 1, 2)
    begin()
    assert kafka_queue.result(early) == 3
    raw = kafka_queue.send_raw("add", 3, 4)
    assert kafka_queue.raw_reply(raw)["result"] == 7
    unknown = kafka_queue.send("nothing")
    with pytest.raises(CallFailed, match="not found in server"):
        kafka_queue.result(unknown)
    assert kafka_queue.result(kafka_queue.send("ping")) == "pong"
    kafka_queue.until_done()


def test_what_is_no_request_becomes_a_dead_letter_and_holds_nothing_up(begin: Start, kafka_queue: KafkaQueue) -> None:
    for text in ("not json", "", "[1]", '{"py/object": "os.system"}'):
        kafka_queue.add(text)
    begin()
    assert kafka_queue.result(kafka_queue.send("add", 1, 2)) == 3
    kafka_queue.until_done()


def test_a_worker_that_ends_finishes_what_runs_and_hands_back_the_rest(begin: Start, kafka_queue: KafkaQueue) -> None:
    first = begin(PRPC_CONCURRENCY=2)
    calls = [kafka_queue.send("hold", f"g{number}") for number in range(6)]
    until(lambda: len(first.trace.all()) >= 2, "two calls run")
    first.terminate()
    until(lambda: "terminating" in first.stderr() + first.stdout(), "it is told")
    second = begin(PRPC_CONCURRENCY=6)
    for number in range(6):
        first.trace.open_gate(f"g{number}")
    for call in calls:
        kafka_queue.result(call)
    assert first.exit_code() == 0
    kafka_queue.until_done()
    assert [len(first.trace.lines(f"g{number}")) for number in range(6)] == [1] * 6, "each ran once"
    assert second.is_running()


def test_a_worker_that_is_killed_loses_nothing(begin: Start, kafka_queue: KafkaQueue) -> None:
    first = begin(PRPC_CONCURRENCY=2)
    done = kafka_queue.send("add", 1, 1)
    assert kafka_queue.result(done) == 2
    kafka_queue.until_done()
    calls = [kafka_queue.send("hold", f"g{number}") for number in range(4)]
    until(lambda: len(first.trace.all()) >= 2, "two calls run")
    first.kill()
    for number in range(4):
        first.trace.open_gate(f"g{number}")
    begin()
    for call in calls:
        kafka_queue.result(call)  # the group notices the loss after 30 seconds
    kafka_queue.until_done()
    assert len(kafka_queue.replies(done)) == 1, "what was answered did not run again"


def test_a_call_that_takes_the_whole_worker_along_is_given_up(begin: Start, kafka_queue: KafkaQueue) -> None:
    settings = {"PRPC_MAX_ATTEMPTS": 1, "PRPC_CONCURRENCY": 1}
    guilty = kafka_queue.send("kill_worker")
    ended = 0
    deadline = time.monotonic() + 300
    while not kafka_queue.replies(guilty):
        assert time.monotonic() < deadline, "no end to it"
        worker = begin(**settings)
        until(lambda w=worker: not w.is_running() or kafka_queue.replies(guilty), "an end")  # type: ignore[misc]
        ended += not worker.is_running()
    with pytest.raises(CallFailed, match="given up after 1 attempts"):
        kafka_queue.result(guilty)
    assert ended == 1
    assert kafka_queue.result(kafka_queue.send("add", 1, 2)) == 3


def test_a_second_worker_gets_its_share_without_a_pause_or_a_call_run_twice(
    begin: Start, kafka_queue: KafkaQueue
) -> None:
    first = begin(PRPC_CONCURRENCY=4)
    assert kafka_queue.result(kafka_queue.send("add", 0, 0)) == 0
    calls: list[UUID] = []
    second = None
    for number in range(300):
        calls.append(kafka_queue.send("add", number, 0))
        if number == 100:
            second = begin(PRPC_CONCURRENCY=4)
            second.until_ready()
    assert [kafka_queue.result(call) for call in calls] == list(range(300))
    until(lambda: "was given partitions" in _log(second), "the second one has a share")
    assert second is not None
    second.terminate()
    assert second.exit_code() == 0
    calls += [kafka_queue.send("add", number, 0) for number in range(20)]
    for call in calls:
        assert kafka_queue.reply(call) and len(kafka_queue.replies(call)) == 1
    assert first.is_running()


def _log(worker: Worker | None) -> str:
    return worker.stdout() + worker.stderr() if worker else ""


def test_what_a_worker_took_too_early_goes_to_one_that_joins(begin: Start, kafka_queue: KafkaQueue) -> None:
    # Of calls that are so short many are taken at a time, and among the last of them are some of the naps.
    for number in range(1500):
        kafka_queue.send("add", number % 10, 1)
    naps = [kafka_queue.send("nap", 0.2) for _ in range(300)]
    first = begin(PRPC_CONCURRENCY=4)
    first.trace.until_noted("nap")
    begin(PRPC_CONCURRENCY=4)
    for call in naps:
        kafka_queue.result(call)
    kafka_queue.until_done()
    ran_by = Counter(first.trace.lines("nap"))
    assert sum(ran_by.values()) == len(naps), "none ran twice"
    assert len(ran_by) == 2, "both have a share"


def test_a_call_that_is_longer_than_the_groups_patience_stays_where_it_is(
    begin: Start, kafka_queue: KafkaQueue
) -> None:
    worker = begin(PRPC_CONCURRENCY=1)
    call = kafka_queue.send("hold", "long")
    worker.trace.until_noted("long")
    time.sleep(35)  # longer than session.timeout.ms: nothing shorter shows it
    worker.trace.open_gate("long")
    kafka_queue.result(call)
    assert len(worker.trace.lines("long")) == 1
    assert "left its group" not in _log(worker)


def test_a_topic_that_is_made_anew_is_served_from_its_beginning(begin: Start, kafka_queue: KafkaQueue) -> None:
    begin()
    for call in [kafka_queue.send("add", number, 0) for number in range(40)]:
        kafka_queue.result(call)
    kafka_queue.until_done()
    kafka_queue.make_anew("native")
    assert [kafka_queue.result(kafka_queue.send("add", number, 1)) for number in range(8)] == list(range(1, 9))
    kafka_queue.until_done()


def test_a_broker_that_is_away_for_a_while_costs_no_call(begin: Start, tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    server = KafkaServer(folder).start()
    try:
        queue = KafkaQueue(server.bootstrap)
        worker = start("on_kafka:app", queue)
        assert queue.result(queue.send("add", 1, 2)) == 3
        held = queue.send("hold", "meanwhile")
        worker.trace.until_noted("meanwhile")
        server.kill()
        worker.trace.open_gate("meanwhile")
        until(lambda: worker.page("/ready")[0] == 503, "it says that it is not ready")
        server.start()
        queue.result(held)
        until(lambda: worker.page("/ready")[0] == 200, "it is ready again")
        assert queue.result(queue.send("add", 5, 5)) == 10
        assert len(worker.trace.lines("meanwhile")) == 1
    finally:
        server.kill()


def test_a_reply_that_is_too_large_says_so(begin: Start, kafka_queue: KafkaQueue) -> None:
    begin()
    call = kafka_queue.send("noise", 4_000_000)
    with pytest.raises(CallFailed, match=r"max\.message\.bytes"):
        kafka_queue.result(call)


def test_pages_tell_of_the_broker(begin: Start, kafka_queue: KafkaQueue) -> None:
    worker = begin().until_ready()
    kafka_queue.result(kafka_queue.send("add", 1, 2))
    status, metrics = worker.page("/metrics")
    assert status == 200
    assert re.search(r"^prpc_broker_connected(\{.*\})? 1", metrics, re.MULTILINE)
    worker.signal(signal.SIGTERM)
    assert worker.exit_code() == 0
