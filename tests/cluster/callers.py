"""Callers from outside of the cluster: the original's message form, over a forwarded port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from prpc.native import read_reply, write_message
from prpc.prpcmessage import PRPCMessage

Entry = dict[Any, Any]
"""Texts and bytes; redis-py takes no narrower type."""


class Queue:
    """A queue that is called."""

    url = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stream = f"prpc_{name}"
        self.redis = redis.Redis.from_url(self.url, retry_on_timeout=True, socket_timeout=20)

    def answers(self) -> bool:
        """Whether the server is there."""
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def send(self, function: str, *args: Any, count: int = 1) -> list[str]:
        """Send calls; returns the names of their replies."""
        pipe = self.redis.pipeline(transaction=False)
        keys = []
        for _ in range(count):
            key, entry = self.written(PRPCMessage(function, args))
            pipe.xadd(self.stream, entry)
            keys.append(key)
        pipe.execute()
        return keys

    def written(self, message: PRPCMessage) -> tuple[str, Entry]:
        """The name of a call's reply, and its entry of the stream."""
        key = f"prpc_feedback_{self.name}_{message.message_id}"
        return key, {"message": write_message(message), "client": "prpc/1"}

    def results(self, keys: list[str], seconds: float = 300) -> list[PRPCMessage]:
        """Wait for all replies."""
        deadline = time.monotonic() + seconds
        found: dict[str, PRPCMessage] = {}
        while len(found) < len(keys):
            missing = [key for key in keys if key not in found]
            assert time.monotonic() < deadline, f"{len(missing)} of {len(keys)} calls are not answered"
            for key, document in zip(missing, self.redis.mget(missing), strict=True):
                if document:
                    found[key] = read_reply(document)
            time.sleep(0.05)
        return [found[key] for key in keys]

    def call(self, function: str, *args: Any, seconds: float = 300) -> Any:
        """One call."""
        (reply,) = self.results(self.send(function, *args), seconds)
        assert reply.exception_info is None, reply.exception_info
        return reply.result


@contextmanager
def load(caller: Queue) -> Iterator[list[str]]:
    """Some 100 calls a second until the end of the block."""
    keys: list[str] = []
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.1):
            keys.extend(caller.send("record", f"{caller.name}-executions", 0.02, count=10))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield keys
    finally:
        over.set()
        sender.join()
