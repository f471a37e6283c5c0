"""Servers that come and go on one queue under load, one of them the original's: nothing is lost."""

from __future__ import annotations

import os

from conftest import StartWorker
from deadline import until
from original import OriginalServer, work
from producer import Producer
from queue_client import Queue
from redis_server import RedisServer

OTHER_BINARY = os.environ.get("PRPC_OTHER_BINARY")
"""Another version of `prpc`, if there is one to share the queue with."""


def test_workers_are_exchanged_under_load_beside_an_original_server(
    redis_server: RedisServer, queue: Queue, start: StartWorker
) -> None:
    def command(number: int) -> list[str] | None:
        return [OTHER_BINARY, "run", "work:app"] if OTHER_BINARY and number % 2 else None

    workers = [start("work:app", queue, command=command(number)).until_ready() for number in range(2)]
    original = OriginalServer(redis_server, queue, "original", work)
    producer = Producer(queue)
    producer.start()
    for number in range(4):
        producer.until_accepted(len(producer.accepted) + 200)
        workers.append(start("work:app", queue, command=command(number)).until_ready())
        leaving = workers.pop(0)
        leaving.terminate()
        assert leaving.exit_code() == 0
    until(lambda: original.served > 50, "the original has its share")
    original.close()
    producer.stopped.set()
    producer.join()
    assert {call: queue.result(call) for call in producer.accepted} == producer.accepted
    until(lambda: queue.pending() == 0, "nothing is pending")
    assert queue.dead() == []
