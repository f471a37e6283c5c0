"""One queue on Kafka as its administrators see it: topics, and how far the group is."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, TopicDescription

from deadline import until

TIMEOUT = 60.0
_NOT_THERE = KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC


class KafkaTopics:
    """Its names, and what is in its topics."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.requests, self.feedback, self.dead = f"prpc_{name}", f"prpc_feedback_{name}", f"prpc_dead_{name}"
        self.group = name
        self.variables = {"PRPC_TYPE_BROKER": "kafka", "PRPC_URL_BROKER": bootstrap, "PRPC_QUEUE_NAME": name}
        # It takes no part in the group, but may ask about it.
        self._config = {"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False, "log_level": 0}
        self._asking = Consumer(self._config)
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Of a topic."""
        found = self._asking.list_topics(topic, TIMEOUT).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return [TopicPartition(topic, number) for number in found.partitions]

    def lag(self) -> int:
        """How many requests the group has not passed; those of a broker that is away count as one."""
        try:
            return sum(self._behind(partition) for partition in self._committed())
        except KafkaException:
            return 1

    def _committed(self) -> list[TopicPartition]:
        return self._asking.committed(self.partitions(self.requests), TIMEOUT)

    def _behind(self, committed: TopicPartition) -> int:
        low, high = self._asking.get_watermark_offsets(committed, TIMEOUT)
        return int(high - max(committed.offset, low))

    def set_back(self, when: float) -> None:
        """Makes the group begin again with the requests of a time. KafkaException while it has members."""
        asked = [TopicPartition(self.requests, each.partition, int(when * 1000)) for each in self._committed()]
        then = {each.partition: each.offset for each in self._asking.offsets_for_times(asked, TIMEOUT)}
        back = [
            TopicPartition(self.requests, each.partition, then[each.partition])
            for each in self._committed()
            if 0 <= then[each.partition] < each.offset
        ]
        if back:
            self._asking.commit(offsets=back, asynchronous=False)

    def size(self, topic: str) -> int:
        """How many records a topic has been given."""
        return sum(self._asking.get_watermark_offsets(each, TIMEOUT)[1] for each in self.partitions(topic))

    def remove(self, topic: str) -> None:
        """Removes it, and returns when it accepts no record any more, a moment after the answer."""
        filled, made = [each for each in self.partitions(topic) if self._end(each)], self._id(topic)
        self._admin.delete_topics([topic])[topic].result()

        def is_gone() -> bool:
            # A worker may have made it again.
            now = self._id(topic)
            return now != made if now else not any(self._end(each) for each in filled)

        until(is_gone, f"{topic} is gone")

    def _id(self, topic: str) -> str | None:
        """What tells it from another one of its name; None if it is not there."""
        try:
            described: TopicDescription = self._admin.describe_topics(TopicCollection([topic]))[topic].result(TIMEOUT)
        except KafkaException as failure:
            if failure.args[0].code() in _NOT_THERE:
                return None
            raise
        return str(described.topic_id)

    def _end(self, partition: TopicPartition) -> int:
        """Offset after its last record; 0 if it is not there."""
        try:
            return int(self._asking.get_watermark_offsets(partition, TIMEOUT)[1])
        except KafkaException as failure:
            if failure.args[0].code() in _NOT_THERE:
                return 0
            raise

    def members(self) -> list[list[str]]:
        """Of each member of the group the topics of its partitions."""
        described = self._admin.describe_consumer_groups([self.group])[self.group].result()
        return [[each.topic for each in member.assignment.topic_partitions] for member in described.members]

    def records(self, topic: str) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Key and body of all that is in a topic now; nothing if it was removed."""
        return ((record.key(), record.value()) for record in self._read(topic))

    def timed_records(self, topic: str) -> Iterator[tuple[bytes | None, int]]:
        """Key and milliseconds of the same."""
        return ((record.key(), record.timestamp()[1]) for record in self._read(topic))

    def _read(self, topic: str) -> Iterator[Message]:
        try:
            left = {partition.partition for partition in self.partitions(topic)}
        except KafkaException as failure:
            if failure.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            return
        reader = Consumer({**self._config, "enable.partition.eof": True, "auto.offset.reset": "error"})
        reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in left])
        try:
            while left:
                # It waits for so many, or for so long.
                records = until(lambda: reader.consume(1000, 0.2), f"more of {topic}, or its end", pause=0)
                for record in records:
                    error = record.error()
                    if error is None:
                        yield record
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard(record.partition())
                    else:
                        raise KafkaException(error)
        finally:
            reader.close()
