"""What every benchmark needs: a Redis server of its own, a worker, and what the processes cost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Server:
    """A running Redis."""

    client: Any
    """Of redis-py; nothing on Kafka."""
    url: str
    pid: int


@contextmanager
def redis_server() -> Iterator[Server]:
    """Redis on a free port, without persistence."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            client = redis.Redis(port=port)
            wait_for(lambda: answers(client), "redis-server")
            yield Server(client, f"redis://127.0.0.1:{port}/0", server.pid)
        finally:
            server.terminate()
            server.wait()


def answers(client: redis.Redis) -> bool:
    """Whether the server is there."""
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60, pause: float = 0.002) -> None:
    """Poll until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: nothing happened for {seconds} s")
        time.sleep(pause)


@contextmanager
def worker(binary: str, app: str, server: Server, queue: str, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """`prpc run` with settings as in PRPC_<NAME>."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}",
        "PRPC_PYTHON": sys.executable,
        "PRPC_URL_BROKER": server.url,
        "PRPC_QUEUE_NAME": queue,
        "PRPC_LOG": "warn",
        **{f"PRPC_{name.upper()}": str(value) for name, value in settings.items()},
    }
    process = subprocess.Popen([binary, "run", app], env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def children(pid: int) -> list[int]:
    """The processes it has started and adopted."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def processor_time(pids: list[int]) -> float:
    """Seconds on a processor so far."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def proportional_memory(pids: list[int]) -> float:
    """MB, pages that processes share divided among them (PSS)."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    lines = [line for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) * 1024 / 1e6
