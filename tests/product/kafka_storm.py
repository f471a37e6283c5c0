"""Rebalances without an end; `make storm`, for it takes more than a minute."""

from __future__ import annotations

import time
from functools import partial
from uuid import UUID

from conftest import StartWorker
from kafka_queue import KafkaQueue
from kafka_server import KafkaServer
from worker import Worker


def test_workers_that_come_and_go_every_two_seconds_for_a_minute_cost_no_call_and_repeat_none(
    kafka: KafkaServer, start: StartWorker
) -> None:
    queue = KafkaQueue(kafka.bootstrap)
    begin = partial(start, "on_kafka:app", queue, PRPC_CONCURRENCY=4)
    stays = begin()
    crew: list[Worker] = []
    calls: list[UUID] = []

    def send_until(moment: float) -> None:
        while time.monotonic() < moment:
            calls.append(queue.send("add", len(calls), 0))
            time.sleep(0.02)

    began = time.monotonic()
    for change in range(30):
        # One joins, another one joins, the first one leaves, the other one leaves.
        if change % 4 < 2:
            crew.append(begin())
        else:
            crew[-2 if change % 4 == 2 else -1].terminate()
        send_until(began + 2 * (change + 1))
    for worker in crew:
        worker.terminate()
    assert [worker.exit_code() for worker in crew] == [0] * len(crew)
    assert [queue.result(call) for call in calls] == list(range(len(calls)))
    queue.until_done()
    assert [call for call in calls if len(queue.replies(call)) != 1] == []
    assert stays.is_running()
