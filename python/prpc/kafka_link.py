"""The connections of a process: one producer and one reply consumer, shared by all its calls.

Whoever sends a call waits until it is stored, and polls for that itself (`prpc.waiting.SharedReading`).
"""

from __future__ import annotations

import ctypes
import logging
import struct
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from prpc.kafka_errors import SEND_TIMEOUT, Health, about_sending
from prpc.kafka_reader import SLICE, ReplyReader, count
from prpc.kafka_replies import OpenCalls
from prpc.waiting import Flag, SharedReading

LARGEST_CALL = 17 << 20
"""Bytes of a record that librdkafka passes on: what protocol and broker take is less."""

CLIENT = {
    "client.id": "prpc-client",
    # Of errors it would write a line for every attempt to connect; they are reported and written once (`Health`).
    "log_level": 2,
    "logger": logging.getLogger("prpc.kafka"),
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
}
PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 0,
    "message.timeout.ms": int(SEND_TIMEOUT * 1000),
    "message.max.bytes": LARGEST_CALL,
    # Otherwise all calls of a moment go to one partition, and so to one worker.
    "sticky.partitioning.linger.ms": 0,
}


class Delivery(Flag):
    """Set when it is known what became of a call that was handed to the producer."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        super().__init__()
        self.error: KafkaError | None = None

    def report(self, error: KafkaError | None, _: Message) -> None:
        """It is stored, or not."""
        self.error = error
        self.set()


class KafkaLink:
    """The connections. They are made anew by themselves for as long as the link exists."""

    def __init__(
        self,
        config: Mapping[str, Any],
        queue: str,
        all_partitions: bool,
        open_calls: OpenCalls,
        begin: Mapping[int, int],
    ) -> None:
        """Connect, and read replies to open calls as `ReplyReader.begin` says, which also names the errors."""
        self.health = Health(config["bootstrap.servers"])
        self._queue = queue
        self._topic = f"prpc_{queue}"
        common = {**config, **CLIENT, "error_cb": self.health.report}
        try:
            self._producer = Producer({**common, **PRODUCER})
            self.replies = ReplyReader(common, queue, all_partitions, open_calls, self.health, self._count)
        except KafkaException as error:
            raise ValueError(f"the settings for Kafka cannot be used: {error.args[0].str()}") from error
        self._deliveries = SharedReading(self._poll)
        self.replies.begin(self._topic, begin)

    def send(self, message_id: UUID, document: bytes) -> None:
        """Store a call, which is among the open calls.

        ConnectionError if it is unknown whether it is stored; other errors mean that it is not.
        """
        self.replies.wake()
        delivery = Delivery()
        headers: list[tuple[str, str | bytes | None]] = [
            ("prpc-reply-topic", self.replies.topic.encode()),
            ("prpc-reply-partition", struct.pack(">i", self.replies.partition)),
            ("prpc-correlation-id", str(message_id).encode()),
        ]
        try:
            self._producer.produce(self._topic, document, headers=headers, on_delivery=delivery.report)
        except KafkaException as error:
            raise about_sending(error.args[0], self._topic, self._queue, len(document), self.health) from error
        # librdkafka looks for what has timed out once a second.
        if not self._deliveries.wait(delivery, SEND_TIMEOUT + 5):
            raise self.health.unreachable(SEND_TIMEOUT)
        if delivery.error is not None:
            raise about_sending(delivery.error, self._topic, self._queue, len(document), self.health)

    def _poll(self, seconds: float) -> None:
        if self._producer.poll(min(seconds, SLICE)):
            self._deliveries.announce()

    def _count(self, topic: str) -> int:
        # What librdkafka has to report of a producer that sends nothing comes with polling only.
        self._deliveries.read_what_is_there(lambda: bool(self._producer.poll(0)))
        return count(self._producer, topic)

    def close(self) -> dict[int, int]:
        """Read and send nothing any more. Returns where the replies begin that were not read."""
        self._deliveries.closed = True
        return self.replies.close()

    def abandon(self) -> dict[int, int]:
        """In a forked child the same, but leave the connections alone: they are the parent's."""
        self._deliveries.closed = True
        consumer, begin = self.replies.abandon()
        # Their ends would wait for threads that this process does not have.
        for handle in (consumer, self._producer):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))
        return begin
