"""A server that treats Redis as the original does: one call a slot, reply, then acknowledgement, nothing deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import redis

from prpc.native import read_message, write_message
from queue_client import GROUP, Queue
from redis_server import RedisServer


class OriginalServer:
    """Serves native calls of one function in so many slots, until it is closed, which lets running calls end."""

    def __init__(
        self, server: RedisServer, queue: Queue, name: str, function: Callable[..., Any], slots: int = 2
    ) -> None:
        self._queue = queue
        self._function = function
        self._open = True
        self.served = 0
        self._threads = [
            threading.Thread(target=self._serve, args=(server, f"{name}_{slot}"), daemon=True) for slot in range(slots)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._open = False
        for thread in self._threads:
            thread.join(20)

    def _serve(self, server: RedisServer, consumer: str) -> None:
        client: Any = redis.Redis(port=server.port, protocol=2)
        stream = self._queue.streams["native"]
        while self._open:
            for _, entries in client.xreadgroup(GROUP, consumer, {stream: ">"}, count=1, block=100) or []:
                for entry, fields in entries:
                    request = read_message(fields[b"message"])
                    # As its heartbeat does; this also raises the delivery counter.
                    client.xclaim(stream, GROUP, consumer, 45_000, [entry])
                    request.result = self._function(*request.func_args, **request.func_kwargs)
                    request.date_done_message = datetime.now(timezone.utc)
                    client.set(self._queue.reply_key(request.message_id), write_message(request), ex=21_600)
                    client.xack(stream, GROUP, entry)
                    self.served += 1


def work(number: int, seconds: float = 0.01) -> int:
    """As `work_thread` of the program `work`, without its trace."""
    time.sleep(seconds)
    return number
