"""A real Redis server, a child of the test run."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deadline import until


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


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
        self._log = folder / "redis.log"
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """Starts it, or starts it again on the same port, and returns when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._variables)
        until(self._answers, "redis-server answers", 20)
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._log.read_text()
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:  # also while it loads its file
            return False

    def kill(self) -> None:
        """Ends it as a power failure does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None
