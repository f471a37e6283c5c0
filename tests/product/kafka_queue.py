"""One queue on Kafka as its callers see it: requests are written to topics, replies are read from one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from typing import Any
from uuid import UUID, uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deadline import PATIENCE, until
from prpc.native import read_reply, write_message
from prpc.prpcmessage import PRPCMessage
from queue_client import CallFailed

_numbers = itertools.count(1)


class KafkaQueue:
    """A queue with a group of its own; it is made if it is not there."""

    def __init__(self, bootstrap: str, name: str | None = None, partitions: int = 4) -> None:
        self.bootstrap = bootstrap
        self.name = name or f"k{os.getpid()}-{next(_numbers)}"
        self.group = self.name
        self.topics = {"native": f"prpc_{self.name}", "raw": f"prpc_raw_{self.name}"}
        self.feedback = {"native": f"prpc_feedback_{self.name}", "raw": f"prpc_feedback_raw_{self.name}"}
        self.dead = f"prpc_dead_{self.name}"
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
        topics = [*self.topics.values(), *self.feedback.values()]
        there = self.admin.list_topics(timeout=PATIENCE).topics
        missing = [NewTopic(topic, partitions, 1) for topic in topics if topic not in there]
        for future in self.admin.create_topics(missing).values() if missing else ():
            future.result(PATIENCE)
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 2})
        self._replies: dict[str, list[Message]] = {}
        self._reader = self._consumer()
        made = [self._reader.list_topics(topic, PATIENCE).topics[topic] for topic in self.feedback.values()]
        self._reader.assign([TopicPartition(topic.topic, at, 0) for topic in made for at in topic.partitions])

    @property
    def variables(self) -> dict[str, str]:
        """What a worker on this queue is told."""
        return {
            "PRPC_TYPE_BROKER": "kafka",
            "PRPC_URL_BROKER": self.bootstrap,
            "PRPC_QUEUE_NAME": self.name,
            "PRPC_GROUP_NAME": self.group,
        }

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "log_level": 2,
                "group.id": self.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )

    def make_anew(self, family: str) -> None:
        """Deletes the topic of requests with all that is in it, and makes it again."""
        topic = self.topics[family]
        partitions = len(self.admin.list_topics(topic, PATIENCE).topics[topic].partitions)
        self.admin.delete_topics([topic])[topic].result(PATIENCE)

        # The old one is there for a moment after the answer, and a worker may be first to make it.
        def is_made() -> bool:
            with contextlib.suppress(KafkaException):
                self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE)
            return self._ends(topic) == [0] * partitions

        until(is_made, f"{topic} is made again")

    def _ends(self, topic: str) -> list[int]:
        """The offsets after the last records; none while the topic is not there."""
        consumer = self._consumer()
        try:
            there = consumer.list_topics(topic, PATIENCE).topics[topic].partitions
            places = [TopicPartition(topic, at) for at in there]
            return [consumer.get_watermark_offsets(place, PATIENCE)[1] for place in places]
        except KafkaException:
            return []
        finally:
            consumer.close()

    # ------------------------------------------------------------------------------------------------- requests

    def add(self, document: str | bytes, family: str = "native", **how: Any) -> None:
        """Writes a request as it stands; returns when the broker has it."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        self._producer.produce(self.topics[family], document, on_delivery=delivered, **how)
        self._producer.flush()
        if failures:
            raise KafkaException(failures[0])

    def send(self, function: str, *args: Any, **kwargs: Any) -> UUID:
        """Sends a call as a client of the original does: without key and headers."""
        message = PRPCMessage(function, args, kwargs)
        self.add(write_message(message))
        return message.message_id

    def send_raw(self, function: str, *args: Any, **kwargs: Any) -> UUID:
        """Sends a call as a program in any language does."""
        call = uuid4()
        request = {"func_name": function, "func_args": args, "func_kwargs": kwargs, "message_id": str(call)}
        self.add(json.dumps(request), "raw")
        return call

    # -------------------------------------------------------------------------------------------------- replies

    def replies(self, call: UUID) -> list[Message]:
        """All replies to a call that have come so far."""
        for message in self._reader.consume(1000, 0.001):
            key = message.key()
            if message.error() is None and key is not None:
                self._replies.setdefault(key.decode(), []).append(message)
        return self._replies.get(str(call), [])

    def reply(self, call: UUID, seconds: float = PATIENCE) -> PRPCMessage:
        """Waits for the reply to a call."""
        until(lambda: self.replies(call), f"the reply to {call}", seconds)
        document = self.replies(call)[-1].value()
        assert document is not None
        return read_reply(document.decode())

    def result(self, call: UUID, seconds: float = PATIENCE) -> Any:
        """Waits for the result of a call; an error is raised."""
        reply = self.reply(call, seconds)
        if reply.exception_info is not None:
            raise CallFailed(reply.exception_info)
        return reply.result

    def raw_reply(self, call: UUID, seconds: float = PATIENCE) -> dict[str, Any]:
        """Waits for the reply to a raw call."""
        until(lambda: self.replies(call), f"the reply to {call}", seconds)
        reply: dict[str, Any] = json.loads(self.replies(call)[-1].value() or b"")
        return reply

    # -------------------------------------------------------------------------------------------------- the work

    def lag(self) -> int:
        """Requests that are not committed."""
        consumer = self._consumer()
        try:
            parts = [
                TopicPartition(topic, at)
                for topic in self.topics.values()
                for at in consumer.list_topics(topic, PATIENCE).topics[topic].partitions
            ]
            total = 0
            for part in consumer.committed(parts, PATIENCE):
                low, high = consumer.get_watermark_offsets(part, PATIENCE)
                total += high - max(part.offset, low)
            return total
        finally:
            consumer.close()

    def until_done(self, seconds: float = PATIENCE) -> None:
        """Waits until every request is committed."""
        until(lambda: self.lag() == 0, f"nothing is left in {self.name}", seconds)
