"""The ledger on Redis."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import redis

from field import process_faults, replaced
from prpc.native import read_reply
from prpc.prpcmessage import PRPCMessage
from queue_client import GROUP, Queue
from redis_server import RedisServer
from side import Fault


class RedisSender:
    """A call is accepted when Redis has answered."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def send(self, function: str, number: int, seconds: float, accepted: Callable[[UUID], None]) -> None:
        """Sends a call and waits for Redis."""
        try:
            call = self._queue.send(function, number, seconds)
        except redis.RedisError:
            return  # nobody was told that it was accepted
        accepted(call)

    def finish(self) -> None:
        """There is nothing to wait for."""


class RedisSide:
    """A server that forgets nothing."""

    reach = 8.0  # recovery, reconnection, and a busy machine
    calls_per_second = 150.0
    pause = (0.1, 1.0)
    settle_seconds = 60.0

    def __init__(self, folder: Path, limit: float, seed: int) -> None:
        self._random = random.Random(seed)
        self._server = RedisServer(folder, durable=True).start()
        self._queue = Queue(self._server)
        self.settings: Mapping[str, object] = {
            "PRPC_CONCURRENCY": 4,
            "PRPC_TIMEOUT_SEC": limit,
            "PRPC_MAX_ATTEMPTS": 50,
            "PRPC_GRACE_PERIOD_SEC": 1,
            "PRPC_REDIS_HEARTBEAT_INTERVAL_SEC": 0.5,
            "PRPC_REDIS_RECOVER_INTERVAL_SEC": 2,
            "PRPC_LOG": "error",
        }

    @property
    def variables(self) -> dict[str, str]:
        """Where the queue is."""
        return self._queue.variables

    def faults(self) -> list[Fault]:
        """Those that are common, and Redis' own."""
        return [
            replaced(signal.SIGKILL),
            replaced(signal.SIGTERM),
            *process_faults(),
            Fault("redis killed", 1, lambda _: self._restart()),
            Fault("connections cut", 2, lambda _: self._cut_connections()),
            Fault("group destroyed", 1, lambda _: self._destroy_group()),
        ]

    def sender(self) -> RedisSender:
        """A way in of its own."""
        return RedisSender(Queue(self._server, self._queue.name))

    def is_finished(self) -> bool:
        """Whether no entry is left and none is pending."""
        return self._queue.entries() == 0 and self._queue.pending() == 0

    def replies(self, calls: Sequence[UUID]) -> Mapping[UUID, Sequence[PRPCMessage]]:
        """The reply that is stored under each call's key."""
        documents = {call: self._queue.redis.get(self._queue.reply_key(call)) for call in calls}
        return {call: [read_reply(document)] for call, document in documents.items() if document is not None}

    def dead(self) -> list[str]:
        """The dead letters."""
        return [str(letter) for letter in self._queue.dead()]

    def end(self) -> None:
        """Ends the server."""
        self._server.kill()

    def _restart(self) -> None:
        """As after a power failure."""
        self._server.kill()
        time.sleep(self._random.random() / 2)
        self._server.start()

    def _cut_connections(self) -> None:
        """All of them, also in the middle of a transaction."""
        self._queue.redis.client_kill_filter(_type="normal", skipme=True)

    def _destroy_group(self) -> None:
        """An operator's mistake: whatever was pending is delivered again."""
        for stream in self._queue.streams.values():
            self._queue.redis.xgroup_destroy(stream, GROUP)
