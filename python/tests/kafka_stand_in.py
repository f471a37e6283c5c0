"""A server for client tests over Kafka: it answers like ours or like the original's."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta, timezone
from uuid import uuid4

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from kafka_node import topics
from prpc.native import read_message, write_message
from prpc.prpcmessage import PRPCMessage
from stand_in import fill_in

NOT_IN_THE_GRAMMAR = '{"py/object": "os.system"}'


class KafkaStandIn:
    """Answers what it knows at once and holds back calls of `held` until `release`.

    Like ours it replies with a key and headers to the partition that was asked for; like the original it replies
    without them to any partition.
    """

    def __init__(self, address: str, queue: str, partitions: int = 4, *, is_original: bool = False) -> None:
        self.is_original = is_original
        self.clock = timedelta(0)
        """What this server's clock is ahead of the client's."""
        self.records: list[Message] = []
        self.held: list[tuple[PRPCMessage, Message]] = []
        self.partition: int | None = None
        """Where replies like the original's go, if not anywhere."""
        self._requests, self._feedback = topics(queue)
        self._partitions = partitions
        common = {"bootstrap.servers": address, "reconnect.backoff.max.ms": 200, "log_level": 2}
        self._consumer = Consumer(
            {**common, "group.id": "g", "enable.auto.commit": False, "fetch.error.backoff.ms": 50}
        )
        self._consumer.assign([TopicPartition(self._requests, number, 0) for number in range(partitions)])
        self._producer = Producer({**common, "linger.ms": 0, "enable.idempotence": True})
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Answer the calls that were held back."""
        while self.held:
            self._answer(*self.held.pop())

    def close(self) -> None:
        self._open = False
        self._thread.join(10)
        self._consumer.close()

    def reply(self, document: str, key: str | None, record: Message) -> None:
        """Send a reply to whoever sent the record."""
        stamp = int((datetime.now(timezone.utc) + self.clock).timestamp() * 1000)
        if self.is_original:
            partition = random.randrange(self._partitions) if self.partition is None else self.partition
            self._producer.produce(self._feedback, document, partition=partition, timestamp=stamp)
        else:
            asked = headers_of(record)
            topic, partition = asked["prpc-reply-topic"].decode(), int.from_bytes(asked["prpc-reply-partition"], "big")
            headers: dict[str, str | bytes | None] = {"prpc-correlation-id": asked["prpc-correlation-id"]}
            self._producer.produce(topic, document, key, partition=partition, timestamp=stamp, headers=headers)
        assert self._producer.flush(60) == 0

    def _run(self) -> None:
        while self._open:
            record = self._consumer.poll(0.05)
            if record is None or record.error() is not None:
                continue
            self.records.append(record)
            request = read_message(record.value() or b"")
            if request.func_name in ("held", "never"):
                self.held.append((request, record))
            else:
                self._answer(request, record)

    def _answer(self, request: PRPCMessage, record: Message) -> None:
        name, key = request.func_name, str(request.message_id)
        fill_in(request, datetime.now(timezone.utc) + self.clock)
        document = write_message(request)
        if name == "undecodable":
            document = document.replace('"result": [', '"result": [{"py/object": "app.Point"}, ')
        if name == "after_rubbish":
            self.reply(NOT_IN_THE_GRAMMAR, str(uuid4()), record)
            self.reply("no JSON \ud83d".encode("utf-16", "surrogatepass").decode("latin-1"), None, record)
        self.reply(document, key, record)


def headers_of(record: Message) -> dict[str, bytes]:
    headers = record.headers() or []
    assert isinstance(headers, list)
    return {name: value for name, value in headers if isinstance(value, bytes)}
