"""Kafka as the tests get it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from kafka_server import KafkaServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KafkaServer]:
    """A server of the test's own."""
    server = KafkaServer(tmp_path, message_max_bytes=2000)
    yield server.start()
    server.kill()


def test_what_was_accepted_survives_a_kill_and_a_restart(server: KafkaServer) -> None:
    KafkaAdminClient(bootstrap_servers=server.bootstrap).create_topics([NewTopic("kept", 1, 1)])
    producer = KafkaProducer(bootstrap_servers=server.bootstrap)
    producer.send("kept", b"yes").get(timeout=120)
    server.kill()
    server.start().restart()
    consumer = KafkaConsumer(
        "kept", bootstrap_servers=server.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    )
    assert next(consumer).value == b"yes"
