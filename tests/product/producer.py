"""Load: calls that are sent all the time."""

from __future__ import annotations

import threading
from uuid import UUID

import redis

from deadline import until
from queue_client import Queue


class Producer(threading.Thread):
    """Sends calls all the time; what Redis accepted is kept."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(daemon=True)
        self._queue = queue
        self.accepted: dict[UUID, int] = {}
        self.stopped = threading.Event()

    def until_accepted(self, calls: int) -> None:
        until(lambda: len(self.accepted) >= calls, f"{calls} calls are accepted")

    def run(self) -> None:
        number = 0
        while not self.stopped.is_set():
            number += 1
            try:
                self.accepted[self._queue.send("work_thread", number, 0.002)] = number
            except redis.RedisError:
                continue  # nobody was told that it was accepted
