"""A producer's way into Kafka."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from confluent_kafka import KafkaError, Message, Producer

from prpc.native import write_message
from prpc.prpcmessage import PRPCMessage

GIVE_UP_SECONDS = 20


class KafkaSender:
    """A call is accepted when the delivery report says so."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "sticky.partitioning.linger.ms": 0,
                "delivery.timeout.ms": GIVE_UP_SECONDS * 1000,
                "topic.metadata.refresh.interval.ms": 5000,
                "log_level": 0,
            }
        )

    def send(self, function: str, number: int, seconds: float, accepted: Callable[[UUID], None]) -> None:
        """Sends a call; what became of earlier ones is told meanwhile."""
        message = PRPCMessage(function, (number, seconds), {})

        def told(error: KafkaError | None, _: Message) -> None:
            if error is None:
                accepted(message.message_id)

        self._producer.produce(self._topic, write_message(message).encode(), on_delivery=told)
        self._producer.poll(0)

    def finish(self) -> None:
        """Waits for all reports."""
        self._producer.flush(2 * GIVE_UP_SECONDS)
