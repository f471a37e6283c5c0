"""Calls per second of an empty function in each worker type, and the time of one call at a time.

    make bench-smoke [CALLS=50000]

Redis, the runtime, its hosts and the client share this machine. A backlog of native requests is written first; the
clock runs from the first answer to the last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import redis

ROOT = Path(__file__).resolve().parent.parent
APP = "bench.empty:app"
CONCURRENCY = {"thread": 4, "process": 2, "async": 64}


@contextmanager
def redis_server() -> Iterator[redis.Redis]:
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/redis.sock"
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", address, "--dir", folder]
        server = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            client = redis.Redis(port=port)
            wait_for(lambda: answers(client), "redis-server")
            yield client
        finally:
            server.terminate()
            server.wait()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(condition: object, what: str, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: nothing happened for {seconds} s")
        time.sleep(0.002)


@contextmanager
def runtime(binary: str, worker: str, url: str, queue: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}",
        "PRPC_PYTHON": sys.executable,
        "PRPC_URL_BROKER": url,
        "PRPC_QUEUE_NAME": queue,
        "PRPC_WORKER_TYPE": worker,
        "PRPC_CONCURRENCY": str(CONCURRENCY[worker]),
        "PRPC_BENCH_ASYNC": "1" if worker == "async" else "",
        "PRPC_LOG": "warn",
    }
    process = subprocess.Popen([binary, "run", APP], env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def backlog(client: redis.Redis, queue: str, calls: int) -> None:
    sys.path.insert(0, str(ROOT / "python"))
    from prpc.native import write_message
    from prpc.prpcmessage import PRPCMessage

    message = PRPCMessage(func_name="f", func_args=(1, 2), func_kwargs={})
    document = write_message(message)
    for start in range(0, calls, 1000):
        pipe = client.pipeline(transaction=False)
        for _ in range(min(1000, calls - start)):
            pipe.xadd(f"prpc_{queue}", {"message": document.replace(message.message_id.hex, uuid4().hex)})
        pipe.execute()


def throughput(client: redis.Redis, binary: str, url: str, worker: str, calls: int) -> float:
    queue = f"bench_{worker}"
    stream = f"prpc_{queue}"
    backlog(client, queue, calls)
    with runtime(binary, worker, url, queue):
        wait_for(lambda: client.xlen(stream) < calls, "the first answer")
        first = time.monotonic()
        left = client.xlen(stream)
        wait_for(lambda: client.xlen(stream) == 0, "the last answer", 300)
        rate = left / (time.monotonic() - first)
    client.flushall()
    return rate


def latency(binary: str, url: str, calls: int) -> tuple[float, float]:
    queue = "bench_latency"
    os.environ.update(PRPC_TYPE_BROKER="redis", PRPC_URL_BROKER=url, PRPC_QUEUE_NAME=queue)
    from prpc.app_client import AwaitableTask

    with runtime(binary, "thread", url, queue):
        times = []
        for _ in range(calls + 100):
            start = time.perf_counter()
            assert AwaitableTask("f", (1, 2), {}).sync_wait_result_task() == 3
            times.append((time.perf_counter() - start) * 1000)
    steady = sorted(times[100:])
    return statistics.median(steady), steady[int(len(steady) * 0.99)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True, help="the program prpc")
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, object] = {"cores": os.cpu_count(), "python": platform.python_version(), "calls": options.calls}
    with redis_server() as client:
        url = f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"
        for worker in CONCURRENCY:
            figures[f"{worker} calls/s"] = round(throughput(client, options.binary, url, worker, options.calls))
        p50, p99 = latency(options.binary, url, 2000)
        figures["one call p50 ms"], figures["one call p99 ms"] = round(p50, 3), round(p99, 3)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>18}  {value:,}" if isinstance(value, int | float) else f"{name:>18}  {value}")


if __name__ == "__main__":
    main()
