"""The ledger on Kafka."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions

from deadline import until
from field import Field, process_faults, replaced
from kafka_cluster import KafkaCluster
from kafka_sender import KafkaSender
from kafka_server import KafkaServer
from kafka_topics import KafkaTopics
from prpc.native import read_reply
from prpc.prpcmessage import PRPCMessage
from side import Fault

MOST_PARTITIONS = 12
SET_BACK_SECONDS = 10
SESSION_SECONDS = 30
"""After which a worker that was killed is no member of its group any more."""


class KafkaSide:
    """What a broker, or most of a cluster, has accepted survives its end."""

    reach = 2.0 * SESSION_SECONDS
    calls_per_second = 60.0
    pause = (0.5, 3.0)
    settle_seconds = 180.0

    def __init__(
        self, folder: Path, limit: float, seed: int, kind: type[KafkaServer | KafkaCluster] = KafkaServer
    ) -> None:
        self._random = random.Random(seed)
        self._server = kind(folder).start()
        self._queue = KafkaTopics(self._server.bootstrap, f"ledger{seed}")
        self._admin = AdminClient({"bootstrap.servers": self._server.bootstrap, "log_level": 0})
        self._replies: dict[UUID, set[bytes]] = {}
        # The grace is longer than the limit: a worker that ends in order leaves no call that it has started.
        self.settings: Mapping[str, object] = {
            "PRPC_CONCURRENCY": 4,
            "PRPC_TIMEOUT_SEC": limit,
            "PRPC_MAX_ATTEMPTS": 50,
            "PRPC_GRACE_PERIOD_SEC": 4 * limit,
            "PRPC_GROUP_NAME": self._queue.group,
            "PRPC_LOG": "info",
        }

    @property
    def variables(self) -> dict[str, str]:
        """Where the queue is."""
        return self._queue.variables

    def faults(self) -> list[Fault]:
        """Those that are common, and Kafka's own."""
        found = [
            Fault("worker added or removed", 6, Field.change_crew, orderly=True),
            Fault("worker terminated", 2, lambda field: field.replace_worker(signal.SIGTERM), orderly=True),
            Fault("partitions added", 1, lambda _: self._add_partitions(), orderly=True),
            Fault("replies removed", 1, self._remove_replies, orderly=True),
            replaced(signal.SIGKILL),
            *process_faults(),
            Fault("kafka killed", 1, lambda _: self._server.fail(self._random.uniform(0, 2))),
            Fault("kafka stopped", 1, lambda _: self._server.stand_still(self._random.uniform(0.5, 5))),
            Fault("group set back", 1, self._set_group_back),
        ]
        if shutil.which("ss"):
            found.append(Fault("connections cut", 2, lambda _: self._cut_connections()))
        return found

    def sender(self) -> KafkaSender:
        """A way in of its own."""
        return KafkaSender(self._server.bootstrap, self._queue.requests)

    def is_finished(self) -> bool:
        """Whether the group has passed all."""
        return self._queue.lag() == 0

    def replies(self, calls: Sequence[UUID]) -> Mapping[UUID, Sequence[PRPCMessage]]:
        """All that were written to each call, for one that was started again is answered again."""
        self._collect()
        return {call: [read_reply(document) for document in self._replies.get(call, ())] for call in calls}

    def dead(self) -> list[str]:
        """The dead letters."""
        return [f"{key!r}: {body!r}" for key, body in self._queue.records(self._queue.dead) if body is not None]

    def end(self) -> None:
        """Ends the broker."""
        self._server.kill()

    def _collect(self) -> None:
        for key, body in self._queue.records(self._queue.feedback):
            if key is not None and body is not None:
                self._replies.setdefault(UUID(key.decode()), set()).add(body)

    def _cut_connections(self) -> None:
        """All of its clients'."""
        ports = " or ".join(f"sport = :{port}" for port in self._server.ports)
        subprocess.run(["ss", "-K", "-t", f"( {ports} )"], capture_output=True, check=False)

    def _add_partitions(self) -> None:
        """One or two."""
        count = len(self._queue.partitions(self._queue.requests)) + self._random.randint(1, 2)
        if count <= MOST_PARTITIONS:
            wanted = [NewPartitions(self._queue.requests, count)]
            self._admin.create_partitions(wanted)[self._queue.requests].result()

    def _remove_replies(self, field: Field) -> None:
        """An operator's mistake. Only in a pause, when all replies are there, is it known which ones are gone."""
        field.producers.stop()
        field.until_finished()
        self._collect()
        self._queue.remove(self._queue.feedback)
        field.producers.start()

    def _set_group_back(self, field: Field) -> None:
        """Another tool makes the group begin again where it was some time ago, which it can only while nobody works."""
        field.end_all()
        try:
            until(self._was_set_back, "the group is set back", pause=0.5)
        finally:
            field.fill()

    def _was_set_back(self) -> bool:
        try:
            self._queue.set_back(time.time() - SET_BACK_SECONDS)
        except KafkaException:
            return False  # a worker that was killed is still its member
        return True
