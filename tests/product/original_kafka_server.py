"""A server that treats Kafka as the original does: a group member for each slot, a commit before the reply is sent."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from deadline import until
from original_kafka import KafkaQueue
from prpc.native import CLASS_PATHS, read_message, write_message

FEEDBACK_PARTITIONS = 4


def make_topics(queue: KafkaQueue, slots: int) -> None:
    """The four topics of a queue, as a server makes them at its first start."""
    partitions = {family: slots for family in ("native", "raw")}
    topics = [NewTopic(queue.requests(family), count, 1) for family, count in partitions.items()]
    topics += [NewTopic(queue.replies(family), FEEDBACK_PARTITIONS, 1) for family in partitions]
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=queue.server.bootstrap)) as admin:
        admin.create_topics(topics)


class OriginalKafkaServer:
    """Serves one function, whatever name is called, in so many slots, from the calls that come after it is ready."""

    def __init__(self, queue: KafkaQueue, function: Callable[..., Any], slots: int = 2) -> None:
        self._queue = queue
        self._function = function
        self._open = True
        self.served = 0
        make_topics(queue, slots)
        self._listening = [threading.Event() for _ in range(slots)]
        self._threads = [threading.Thread(target=self._serve, args=(event,), daemon=True) for event in self._listening]
        for thread in self._threads:
            thread.start()
        until(lambda: all(event.is_set() for event in self._listening), "every slot has its partitions")

    def close(self) -> None:
        """Lets running calls end."""
        self._open = False
        for thread in self._threads:
            thread.join(20)

    def _serve(self, listening: threading.Event) -> None:
        bootstrap = self._queue.server.bootstrap
        producer = KafkaProducer(bootstrap_servers=bootstrap)
        consumer = KafkaConsumer(
            self._queue.requests("native"),
            self._queue.requests("raw"),
            bootstrap_servers=bootstrap,
            group_id=self._queue.group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        while self._open:
            for records in consumer.poll(timeout_ms=100, max_records=1).values():
                for record in records:
                    consumer.commit()
                    family = "raw" if record.topic == self._queue.requests("raw") else "native"
                    answer = self._raw_answer if family == "raw" else self._answer
                    producer.send(self._queue.replies(family), answer(record.value))
                    self.served += 1
            if consumer.assignment() and not listening.is_set():
                for partition in consumer.assignment():
                    consumer.position(partition)
                listening.set()
        producer.close()
        consumer.close()

    def _outcome(self, args: Any, kwargs: Any) -> tuple[Any, str | None]:
        try:
            return self._function(*args, **kwargs), None
        except Exception as error:
            return None, str(error)

    def _answer(self, document: bytes) -> bytes:
        request = read_message(document)
        request.result, request.exception_info = self._outcome(request.func_args, request.func_kwargs)
        request.date_done_message = datetime.now(timezone.utc)
        class_path = next(path for path in CLASS_PATHS if path in document.decode())
        return write_message(request, class_path).encode()

    def _raw_answer(self, document: bytes) -> bytes:
        created = datetime.now(timezone.utc).isoformat()
        request = json.loads(document)
        result, error = self._outcome(request["func_args"], request["func_kwargs"])
        reply = {
            **request,
            "message_id": {"hex": UUID(request["message_id"]).hex},
            "date_create_message": created,
            "result": result,
            "exception_info": error,
            "date_done_message": datetime.now(timezone.utc).isoformat(),
        }
        return json.dumps(reply).encode()
