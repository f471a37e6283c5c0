"""A real Redis server, a child of the test run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from server_process import ServerProcess, free_port

_LISTENS = "Ready to accept connections"
_START_SECONDS = 30


class RedisServer:
    """A redis-server on a loopback port. What it accepted survives `kill` if it is `durable`."""

    def __init__(self, folder: Path, durable: bool = False, variables: dict[str, str] | None = None) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is needed on PATH (Debian: apt-get install redis-server)"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        # Its types are those of all its protocols and of its asynchronous form at once.
        self.client: Any = redis.Redis(port=self.port, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=20)
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        if durable:
            self._command += ["--appendonly", "yes", "--appendfsync", "always"]
        self._folder = folder
        self._variables = variables
        self._process: ServerProcess | None = None

    def start(self) -> RedisServer:
        """Starts it, or starts it again on the same port, and returns when it listens."""
        self._process = ServerProcess(self._command, self._folder, _LISTENS, _START_SECONDS, self._variables)
        return self

    def kill(self) -> None:
        """Ends it as a power failure does."""
        if self._process is not None:
            self._process.kill()
            self._process = None
