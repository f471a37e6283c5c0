"""Calls to a queue, and what became of them."""

from __future__ import annotations

import itertools
import time
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from callers import Queue
from cluster import wait_for

from prpc.native import read_reply
from prpc.prpcmessage import PRPCMessage

BATCH = 500
"""Calls written, or replies read, in one step. The last call of a step goes out some 10 ms after the first was made."""

WRITTEN_WITHIN = timedelta(seconds=3)
"""In which ten thousand calls are written, before the first goes out."""

ANSWERED_SECONDS = 300.0
"""After so long there is no answer any more; a call whose pod was killed needs a minute."""


@dataclass
class Answer:
    """Moments of a call, in seconds since 1970, both from its reply: made by the client, answered by the pod."""

    sent: float
    answered: float
    failed: bool

    @classmethod
    def of(cls, reply: PRPCMessage) -> Answer:
        """What a reply tells."""
        assert reply.date_done_message
        sent, answered = reply.date_create_message.timestamp(), reply.date_done_message.timestamp()
        return cls(sent, answered, reply.exception_info is not None)


class Calls:
    """Calls of one function with the same arguments."""

    def __init__(self, queue: Queue, function: str, *args: Any) -> None:
        self._queue = queue
        self._function, self._arguments = function, args
        self._keys: list[str] = []
        # Its types are those of its asynchronous form as well.
        self._redis: Any = queue.redis

    def send_at_once(self, count: int) -> None:
        """Some seconds from now, in one go: whoever writes calls meanwhile takes the processor from pods that start."""
        goes_out = datetime.now(timezone.utc) + WRITTEN_WITHIN
        calls = [PRPCMessage(self._function, self._arguments, date_create_message=goes_out) for _ in range(count)]
        keys, entries = zip(*map(self._queue.written, calls), strict=True)
        connection = self._redis.connection_pool.get_connection()
        # One answer for all of them; a call that was refused counts as lost.
        adds = (("XADD", self._queue.stream, "*", *itertools.chain(*entry.items())) for entry in entries)
        commands = [("CLIENT", "REPLY", "OFF"), *adds, ("CLIENT", "REPLY", "ON")]
        packed = connection.pack_commands(commands)
        early = (goes_out - datetime.now(timezone.utc)).total_seconds()
        assert early > 0, f"{count} calls could not be written in {WRITTEN_WITHIN}"
        time.sleep(early)
        connection.send_packed_command(packed)
        assert connection.read_response() == b"OK"
        self._redis.connection_pool.release(connection)
        self._keys += keys

    def send_at(self, moments: list[float]) -> None:
        """So many seconds from now; those that are late go together, whatever was answered meanwhile."""
        began, sent = time.monotonic(), 0
        while sent < len(moments):
            time.sleep(max(0.0, began + moments[sent] - time.monotonic()))
            due = bisect(moments, time.monotonic() - began)
            self._send(due - sent)
            sent = due

    def _send(self, count: int) -> None:
        self._keys += self._queue.send(self._function, *self._arguments, count=count)

    def wait_answered(self) -> None:
        """Waits until none is left in the queue: what is answered is taken out of the stream."""
        wait_for("the last answer", lambda: self._redis.xlen(self._queue.stream) == 0, ANSWERED_SECONDS)

    def answers(self) -> list[Answer]:
        """The answers that are there, in order of sending."""
        steps = (self._keys[start : start + BATCH] for start in range(0, len(self._keys), BATCH))
        documents: Iterable[bytes | None] = itertools.chain.from_iterable(map(self._redis.mget, steps))
        return [Answer.of(read_reply(document)) for document in documents if document]

    def accounts(self, answers: list[Answer]) -> dict[str, float]:
        """Whether every call has its answer."""
        failed = sum(answer.failed for answer in answers)
        return {"calls": len(self._keys), "lost calls": len(self._keys) - len(answers), "failed calls": failed}

    def repeated(self, answers: list[Answer], noted: str) -> dict[str, float]:
        """How often functions that note their runs under a key ran beyond once for each answer."""
        runs = int(self._redis.llen(noted))
        return {"repeated calls": runs - sum(not answer.failed for answer in answers)}


def poisson(chance: Random, *pieces: tuple[float, float]) -> list[float]:
    """Moments at random, in seconds: for so many seconds so many a second, piece after piece."""
    moments, begin = [], 0.0
    for seconds, rate in pieces:
        moment = begin + chance.expovariate(rate)
        while moment < begin + seconds:
            moments.append(moment)
            moment += chance.expovariate(rate)
        begin += seconds
    return moments
