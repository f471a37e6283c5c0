"""The measurements on Kafka: one node, whose processor time is in the figures too."""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from figures import APP, SLOTS, Figures, times_of
from machine import ROOT, Server, children, processor_time, wait_for, worker

sys.path.insert(0, str(ROOT / "tests/product"))
sys.path.insert(0, str(ROOT / "tests/ledger"))
sys.path.insert(0, str(ROOT / "python"))

from kafka_server import KafkaServer
from kafka_topics import KafkaTopics
from prpc.native import write_message
from prpc.prpcmessage import PRPCMessage

PARTITIONS = 4
# The tests' nodes are made to start fast; this one is to run as others do.
JAVA = ("-Xmx1g", "-XX:TieredStopAtLevel=4")
NAPS = 10_000


@contextmanager
def kafka_server() -> Iterator[KafkaServer]:
    """Kafka on free ports, with as many threads as it has by default."""
    with tempfile.TemporaryDirectory() as folder:
        server = KafkaServer(Path(folder), JAVA, num_network_threads=3, num_io_threads=8)
        server.start()
        try:
            yield server
        finally:
            server.kill()


class BenchQueue(KafkaTopics):
    """A queue of one measurement's own, whose topics are there."""

    def __init__(self, server: KafkaServer) -> None:
        super().__init__(server.bootstrap, f"bench_{uuid4().hex[:8]}")
        self._bootstrap = server.bootstrap
        topics = [NewTopic(name, PARTITIONS, 1) for name in (self.requests, self.feedback)]
        for made in self._admin.create_topics(topics).values():
            made.result()

    def fill(self, calls: int, function: str, *args: object) -> None:
        """Requests in the original's native form, each with an id of its own."""
        message = PRPCMessage(func_name=function, func_args=args, func_kwargs={})
        before, after = write_message(message).split(message.message_id.hex)
        producer = Producer({"bootstrap.servers": self._bootstrap, "linger.ms": 5, "compression.type": "lz4"})
        for number in range(calls):
            while True:
                try:
                    producer.produce(self.requests, f"{before}{number:032x}{after}", partition=number % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.1)
        left = producer.flush(60)
        assert left == 0, f"{left} of {calls} calls could not be sent"

    def answers(self) -> int:
        """How many replies there are."""
        return self.size(self.feedback)


def settings(queue: BenchQueue, kind: str, concurrency: int) -> dict[str, object]:
    """Of a worker on Kafka."""
    return {"type_broker": "kafka", "group_name": queue.group, "worker_type": kind, "concurrency": concurrency}


def throughput(server: KafkaServer, binary: str, kind: str, calls: int) -> Figures:
    """Calls per second and processor time per call, from a backlog."""
    queue = BenchQueue(server)
    queue.fill(calls, "f", 1, 2)
    with worker(binary, APP, at(server), queue.group, **settings(queue, kind, SLOTS[kind])) as runtime:
        # The first calls find caches cold and hosts just started.
        wait_for(lambda: queue.answers() > calls // 20, "the first answers")
        parts = {"runtime": [runtime.pid], "hosts": children(runtime.pid), "kafka": [server.pid]}
        first, began = queue.answers(), time.monotonic()
        cost = {part: processor_time(pids) for part, pids in parts.items()}
        wait_for(lambda: queue.answers() >= calls - calls // 20, "the last answers", 600)
        seconds, done = time.monotonic() - began, queue.answers() - first
        used = {part: (processor_time(pids) - cost[part]) / done * 1e6 for part, pids in parts.items()}
    return {"calls per s": done / seconds, **{f"{part} µs per call": micros for part, micros in used.items()}}


@functools.cache
def client_queue(server: KafkaServer) -> BenchQueue:
    """The client knows one queue as long as its process lives."""
    return BenchQueue(server)


def latency(server: KafkaServer, binary: str, calls: int = 2000) -> Figures:
    """One call after the other through our client."""
    queue = client_queue(server)
    os.environ.update(queue.variables)
    from prpc.app_client import AwaitableTask

    def call() -> None:
        assert AwaitableTask("f", (1, 2), {}).sync_wait_result_task() == 3

    with worker(binary, APP, at(server), queue.group, **settings(queue, "thread", 4)):
        times = times_of(call, calls)
    return {"p50 ms": statistics.median(times), "p99 ms": times[int(len(times) * 0.99)]}


def second_worker(server: KafkaServer, binary: str) -> Figures:
    """A second worker joins one that is busy, and gets a part of its work."""
    queue = BenchQueue(server)
    queue.fill(NAPS, "nap")
    arguments = settings(queue, "thread", 64)
    with worker(binary, APP, at(server), queue.group, **arguments):
        wait_for(lambda: queue.answers() > NAPS // 20, "the first answers")
        with worker(binary, APP, at(server), queue.group, **arguments):
            wait_for(lambda: len(shares(queue)) == 2, "the second worker's partitions")
            left, fewest = NAPS - queue.answers(), min(shares(queue))
            wait_for(lambda: queue.answers() >= NAPS and queue.lag() == 0, "the last answers", 120)
    answers = list(queue.timed_records(queue.feedback))
    moments = sorted(moment for _, moment in answers)
    calls = {UUID((key or b"").decode()) for key, _ in answers}
    return {
        "calls answered twice": len(answers) - len(calls),
        "calls never answered": NAPS - len(calls),
        "longest pause s": max(after - before for before, after in itertools.pairwise(moments)) / 1000,
        "calls left when it had partitions": left,
        "partitions of the one with fewer": fewest,
    }


def shares(queue: BenchQueue) -> list[int]:
    """How many partitions of the requests each member has that has any: a worker has a member for each topic."""
    counts = [sum(topic == queue.requests for topic in topics) for topics in queue.members()]
    return [count for count in counts if count]


def at(server: KafkaServer) -> Server:
    """As `worker` wants it."""
    return Server(None, server.bootstrap, server.pid)
