"""The reply consumer of a process: a thread reads, and each reply goes to the call that it answers.

It belongs to no group. It reads the partitions that replies may come to, from where they ended before the first call
was sent, so neither a clock nor a slow start can hide a reply. A reply is decoded only by the task that it is for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from prpc.kafka_errors import SEND_TIMEOUT, Health, about_topic, is_silence, patience
from prpc.kafka_replies import OpenCalls
from prpc.waiting import Flag, SharedReading

SLICE = 0.1
"""Seconds that librdkafka is waited for at a time: it cannot be woken up."""
QUESTION_TIMEOUT = 1.0
LOOK_INTERVAL = 10.0
"""Seconds between two looks at the topic."""
OUTAGE_LOOK_INTERVAL = 0.5
IDLE_LIMIT = 60.0
"""Seconds after the last call was sent until reading ends, if no call is open: all that comes is for others."""
BATCH = 500

CONSUMER = {
    # librdkafka asks for a name, but nothing is subscribed or committed.
    "group.id": "prpc-client",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # When the topic was made anew its replies are new too.
    "auto.offset.reset": "earliest",
    "fetch.min.bytes": 1,
    "fetch.error.backoff.ms": 50,
    "fetch.queue.backoff.ms": 20,
    "queued.max.messages.kbytes": 16384,
}

log = logging.getLogger("prpc.kafka")
T = TypeVar("T")


class ReplyReader:
    """Reads the replies to open calls."""

    def __init__(
        self,
        config: Mapping[str, Any],
        queue: str,
        all_partitions: bool,
        open_calls: OpenCalls,
        health: Health,
        count_otherwise: Callable[[str], int],
    ) -> None:
        """Nothing is read before `begin`. `count_otherwise` is `count` over another connection."""
        self.topic = f"prpc_feedback_{queue}"
        self.partition = 0
        """The partition of this process, known from `begin` on. Original servers answer to any."""
        self._queue = queue
        self._all_partitions = all_partitions
        self._open_calls = open_calls
        self._health = health
        self._count_otherwise = count_otherwise
        self._consumer = Consumer({**config, **CONSUMER})
        self._reading = SharedReading(self._read)
        self._used = time.monotonic()
        self._assigning = threading.Lock()
        self._next: dict[int, int] = {}
        """Per partition the offset of the next reply; empty while nothing is read."""
        self._next_look = time.monotonic() + LOOK_INTERVAL

    def begin(self, requests: str, begin: Mapping[int, int]) -> None:
        """Read from now on, or from the offsets in `begin` where it names any.

        LookupError if a topic is missing, the one for requests included; PermissionError if Kafka refuses the login or
        a topic, ConnectionError if it is out of reach.
        """
        try:
            self._persist(requests, "Describe and Write", lambda: count(self._consumer, requests))
            # Any number does, so that clients spread over the partitions; but replies may be on their way to the old.
            self.partition = min(begin) if begin and not self._all_partitions else uuid4().int
            with self._assigning:
                self._assign({**self._ends(), **begin})
        except BaseException:
            self._consumer.close()
            raise
        self._reading.serve("prpc-kafka")

    def wake(self) -> None:
        """Read again if that was ended, before a call is sent, which is among the open calls."""
        self._used = time.monotonic()
        with self._assigning:
            if not self._next:
                self._assign(self._ends())

    def wait(self, flag: Flag, seconds: float) -> bool:
        """Block until the flag is set; False if that took too long, or the link is closed."""
        return self._reading.wait(flag, seconds)

    def _read(self, seconds: float) -> None:
        message = self._consumer.poll(min(seconds, SLICE))
        if message is not None:
            for each in (message, *self._consumer.consume(BATCH, 0)):
                self._receive(each)
            self._reading.announce()
        if time.monotonic() >= self._next_look:
            self._look_at_topic()

    def _receive(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is not None:
            self._read_error(error)
            return
        self._health.refused = None
        self._health.recovered()
        document = message.value()
        if document is not None:
            for watch in self._open_calls.answered_by(message.key(), document):
                watch.document = document
                watch.set()
        if partition is not None and offset is not None:
            # After the watch: what is read from here in a forked child contains every reply that is not there yet.
            self._next[partition] = offset + 1

    def _read_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # librdkafka looks for the group that is only a name
        reason = about_topic(error, self.topic, self._queue, "Describe and Read")
        log.warning("replies cannot be read: %s", reason)
        if isinstance(reason, PermissionError):
            self._health.refused = reason

    # ---------------------------------------------------------------------------------------------------- partitions

    def _look_at_topic(self) -> None:
        """See whether brokers are back, whether there are more partitions, and whether nobody needs the replies."""
        try:
            # Over the consumer's connection the question would wait behind the one for replies.
            self._read_new(self._count_otherwise(self.topic))
            self._health.recovered()
        except KafkaException as error:
            log.debug("the brokers cannot be asked for topic %s: %s", self.topic, error)
        if not self._open_calls and time.monotonic() - self._used > IDLE_LIMIT:
            with self._assigning:
                # Who comes meanwhile is among the open calls before it waits for the lock.
                if not self._open_calls:
                    self._consumer.unassign()
                    self._next = {}
        waits = OUTAGE_LOOK_INTERVAL if self._health.down_since else LOOK_INTERVAL
        self._next_look = time.monotonic() + waits

    def _read_new(self, partitions: int) -> None:
        """Replies may come to partitions that were added."""
        if self._all_partitions and self._next:
            new = {number: 0 for number in range(partitions) if number not in self._next}
            if new:
                self._consumer.incremental_assign([TopicPartition(self.topic, *item) for item in new.items()])
                self._next.update(new)

    def _assign(self, begin: Mapping[int, int]) -> None:
        self._consumer.assign([TopicPartition(self.topic, *item) for item in begin.items()])
        self._next = dict(begin)

    def _ends(self) -> dict[int, int]:
        """Where the partitions end that replies may come to."""
        return self._persist(self.topic, "Describe and Read", self._ends_now)

    def _ends_now(self) -> dict[int, int]:
        partitions = count(self._consumer, self.topic)
        self.partition %= partitions
        numbers = range(partitions) if self._all_partitions else [self.partition]
        asked = [TopicPartition(self.topic, number, OFFSET_END) for number in numbers]
        found = self._consumer.offsets_for_times(asked, SEND_TIMEOUT)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {each.partition: each.offset for each in found}

    def _persist(self, topic: str, rights: str, ask: Callable[[], T]) -> T:
        """Ask until there is an answer, or it is clear that there will be none in time."""
        start = time.monotonic()
        while True:
            try:
                answer = ask()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                # Reports of errors come with polling; there is nothing else to get, as nothing is assigned.
                self._consumer.poll(SLICE / 10)
                refused = self._health.login_error()
                if refused is not None or time.monotonic() - start > patience(reason):
                    silent = self._health.unreachable(SEND_TIMEOUT) if is_silence(reason) else None
                    raise refused or silent or about_topic(reason, topic, self._queue, rights) from error
            else:
                self._health.recovered()
                return answer

    # ---------------------------------------------------------------------------------------------------- the end

    def close(self) -> dict[int, int]:
        """Read nothing any more. Returns where the replies begin that were not read."""
        self._reading.end()
        self._consumer.close()
        return dict(self._next)

    def abandon(self) -> tuple[Consumer, dict[int, int]]:
        """In a forked child the same, but leave the connections alone. Returns their handle too."""
        self._reading.closed = True
        return self._consumer, dict(self._next)


def count(client: Consumer | Producer, topic: str) -> int:
    """How many partitions the topic has. KafkaException if it cannot be used."""
    found = client.list_topics(topic, timeout=QUESTION_TIMEOUT).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return len(found.partitions)
