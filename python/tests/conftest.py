"""Real servers, children of the test run."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from kafka_node import KafkaNode
from server_process import ServerProcess, free_port


class RedisServer:
    """A redis-server on a free loopback port with its data in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is needed on PATH (Debian: apt-get install redis-server)"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", *options]
        self._folder = folder

    def start(self) -> None:
        self._process = ServerProcess(self._command, self._folder, "Ready to accept connections", 30)

    def freeze(self) -> None:
        self._process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.stop(20)

    def client(self) -> redis.Redis:
        """A new client for the test itself."""
        return redis.Redis(port=self.port)


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RedisServer]]:
    """Starts servers with options of one's own; all end with the test run."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        servers.append(RedisServer(tmp_path_factory.mktemp("redis"), *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def shared_redis(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A running, empty Redis server."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """One Kafka for the test run; tests use queues of their own."""
    server = KafkaNode(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.kill()
