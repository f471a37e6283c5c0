"""Programs that were written for the original over Kafka: callers that do what its client does there, and raw ones."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from kafka_server import KafkaServer
from prpc.native import CLASS_PATHS, NativeError, read_reply, write_message
from prpc.prpcmessage import PRPCMessage

POLL_SECONDS = 1.0
"""A poll ends when so long no record came; as long is the pause before the next."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class KafkaQueue:
    """A queue's topics, and the group of its servers.

    Without a group of its own, every server of any queue on one Kafka would be in one group, and wait for all others
    when one comes or goes.
    """

    server: KafkaServer
    name: str

    @property
    def group(self) -> str:
        """Its servers' group."""
        return f"prpc_group_{self.name}"

    @classmethod
    def new(cls, server: KafkaServer) -> KafkaQueue:
        """A queue that nobody else uses."""
        return cls(server, f"q{next(_numbers)}")

    def requests(self, family: str = "native") -> str:
        """Where requests are sent."""
        return f"prpc_raw_{self.name}" if family == "raw" else f"prpc_{self.name}"

    def replies(self, family: str = "native") -> str:
        """Where replies come from, to all clients at once."""
        return f"prpc_feedback_raw_{self.name}" if family == "raw" else f"prpc_feedback_{self.name}"


class ClientTimeOutError(Exception):
    """The caller's own limit has passed."""


class OriginalCall:
    """A call, sent when it is made. Waiting ends with the result, or an Exception with the text of an error reply."""

    def __init__(self, queue: KafkaQueue, function: str, *args: Any, class_path: str = CLASS_PATHS[0], **kwargs: Any):
        self._queue = queue
        self._class_path = class_path
        self.message = PRPCMessage(function, args, kwargs)
        # One for each call. Nothing waits until Kafka has the record, and nothing says for which partition it is.
        self._producer = KafkaProducer(bootstrap_servers=queue.server.bootstrap)
        self._producer.send(queue.requests(), write_message(self.message, class_path).encode())

    def wait(self, seconds: float | None = None) -> Any:
        """Waits as a program without an event loop does. None if the result was there before."""
        if self.message.is_message_done():
            return None
        started = time.monotonic()
        # Made for every wait, and of no use there.
        with (
            contextlib.closing(KafkaProducer(bootstrap_servers=self._queue.server.bootstrap)),
            self._consumer() as replies,
        ):
            while not self._find(record.value for record in replies):
                self._check(started, seconds)
                time.sleep(POLL_SECONDS)
        return self._result()

    async def wait_async(self, seconds: float | None = None) -> Any:
        """The same in an event loop."""
        if self.message.is_message_done():
            return None
        started = time.monotonic()
        async with AIOKafkaProducer(bootstrap_servers=self._queue.server.bootstrap), self._async_consumer() as replies:
            while not await self._find_async(replies):
                self._check(started, seconds)
                await asyncio.sleep(POLL_SECONDS)
        return self._result()

    @contextlib.contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        """A reader of all partitions, from the first record that can be the reply: none is older than the request.

        Where there is none, from what comes next. The end is asked for first, so that nothing comes in between.
        """
        topic = self._queue.replies()
        consumer = KafkaConsumer(
            bootstrap_servers=self._queue.server.bootstrap, consumer_timeout_ms=int(POLL_SECONDS * 1000)
        )
        with contextlib.closing(consumer):
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            assert partitions, f"no topic {topic}: a server makes it"
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            for partition, found in consumer.offsets_for_times(dict.fromkeys(partitions, self._since())).items():
                consumer.seek(partition, found.offset if found else ends[partition])
            yield consumer

    @contextlib.asynccontextmanager
    async def _async_consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        topic = self._queue.replies()
        async with AIOKafkaConsumer(topic, bootstrap_servers=self._queue.server.bootstrap) as consumer:
            partitions = consumer.assignment()
            assert partitions, f"no topic {topic}: a server makes it"
            ends = await consumer.end_offsets(partitions)
            times = await consumer.offsets_for_times(dict.fromkeys(partitions, self._since()))
            for partition, found in times.items():
                consumer.seek(partition, found.offset if found else ends[partition])
            yield consumer

    def _since(self) -> int:
        """By this program's clock, in milliseconds."""
        return int(self.message.date_create_message.timestamp() * 1000)

    def _find(self, documents: Iterable[bytes]) -> bool:
        return any(self._takes(document) for document in documents)

    async def _find_async(self, replies: AIOKafkaConsumer) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            while not self._takes((await asyncio.wait_for(replies.getone(), POLL_SECONDS)).value):
                pass
        return self.message.is_message_done()

    def _takes(self, document: bytes) -> bool:
        """Reads the reply to any call; one that cannot be read is the end of every caller's wait."""
        if json.loads(document).get("py/object") != self._class_path:
            raise NativeError("not-message", "a class that this program does not have")
        reply = read_reply(document)
        if reply.message_id != self.message.message_id:
            return False
        self.message = reply
        return True

    def _check(self, started: float, seconds: float | None) -> None:
        # Only after a poll, which does not end while records come.
        if seconds is not None and time.monotonic() - started >= seconds:
            raise ClientTimeOutError(f"the task was completed by wait timeout {float(seconds)} secs.")

    def _result(self) -> Any:
        if self.message.exception_info:
            raise Exception(self.message.exception_info)
        return self.message.result


class RawCaller:
    """A program in any language: plain JSON, and it reads the replies' topic from the time when it was started."""

    def __init__(self, queue: KafkaQueue) -> None:
        self._queue = queue
        self._producer = KafkaProducer(bootstrap_servers=queue.server.bootstrap)
        topic = queue.replies("raw")
        self._consumer = KafkaConsumer(bootstrap_servers=queue.server.bootstrap, consumer_timeout_ms=1000)
        self._consumer.assign([TopicPartition(topic, number) for number in self._consumer.partitions_for_topic(topic)])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)
        self._replies: dict[UUID, dict[str, Any]] = {}

    def send(self, function: str, *args: Any, **kwargs: Any) -> UUID:
        """Sends a call, and returns when Kafka has it."""
        call = uuid4()
        self.send_document(
            json.dumps(
                {"func_name": function, "func_args": args, "func_kwargs": kwargs, "message_id": str(call)}
            ).encode()
        )
        return call

    def send_document(self, document: bytes) -> None:
        """Sends what may be no request at all."""
        self._producer.send(self._queue.requests("raw"), document).get(30)

    def reply(self, call: UUID, seconds: float = 120) -> dict[str, Any]:
        """Waits for the reply to a call."""
        deadline = time.monotonic() + seconds
        while call not in self._replies:
            assert time.monotonic() < deadline, f"not within {seconds} s: a reply to {call}"
            for record in self._consumer:
                reply = json.loads(record.value)
                self._replies[UUID(reply["message_id"]["hex"])] = reply
                if call in self._replies:
                    break
        return self._replies.pop(call)

    def close(self) -> None:
        """Hangs up."""
        self._producer.close()
        self._consumer.close()
