"""A Redis server for each module, a queue for each test, and workers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kafka_server import KafkaServer
from queue_client import Queue
from redis_server import RedisServer
from worker import BINARY, ServedQueue, Worker

StartWorker = Callable[..., Worker]


def pytest_configure() -> None:
    if not Path(BINARY).exists():
        pytest.exit(f"{BINARY} is missing: run `make build`, or name the program with PRPC_BINARY", returncode=4)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server of the module's own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """One for all tests that only need a Kafka; each has a queue of its own there."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def queue(redis_server: RedisServer) -> Queue:
    """A queue of the test's own."""
    return Queue(redis_server)


@pytest.fixture(scope="module")
def module_queue(redis_server: RedisServer) -> Queue:
    """The queue that a module's tests share."""
    return Queue(redis_server)


def _starter(folders: Callable[[], Path], stack: ExitStack) -> StartWorker:
    def start(app: str, queue: ServedQueue, **settings: object) -> Worker:
        return stack.enter_context(Worker(app, queue, folders(), **settings))  # type: ignore[arg-type]

    return start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers that end with the test. All of a test share one trace."""
    with ExitStack() as stack:
        yield _starter(lambda: tmp_path / "worker", stack)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Starts workers that end with the module's tests."""
    with ExitStack() as stack:
        yield _starter(lambda: tmp_path_factory.mktemp("worker"), stack)
