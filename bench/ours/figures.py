"""One function per measurement; each returns figures by name, in the unit that the name ends with."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from machine import (
    ROOT,
    Server,
    children,
    processor_time,
    proportional_memory,
    wait_for,
    worker,
)

sys.path.insert(0, str(ROOT / "python"))

from prpc.native import write_message
from prpc.prpcmessage import PRPCMessage

APP = "bench.ours.app:app"
SLOTS = {"thread": 4, "process": 2, "async": 64}
Figures = dict[str, float]

_FILL = """
local before, id, after = ARGV[1], tonumber(ARGV[2]), ARGV[3]
for n = id, id + tonumber(ARGV[4]) - 1 do
  redis.call('XADD', KEYS[1], '*', 'message', before .. string.format('%032x', n) .. after)
end
"""


def backlog(server: Server, queue: str, calls: int, function: str, *args: object) -> None:
    """Requests in the original's native form, each with an id of its own."""
    message = PRPCMessage(func_name=function, func_args=args, func_kwargs={})
    before, after = write_message(message).split(message.message_id.hex)
    most = max(1, min(10_000, (64 << 20) // len(before)))
    for start in range(0, calls, most):
        step = min(most, calls - start)
        server.client.eval(_FILL, 1, f"prpc_{queue}", before, str(start), after, str(step))


def throughput(
    server: Server,
    binary: str,
    kind: str,
    queued: int,
    measured: int,
    function: str = "f",
    *args: object,
    functions: int = 0,
) -> Figures:
    """Calls per second and processor time per call, from a backlog of `queued`, over the first `measured` of it."""
    queue, stream = f"bench_{kind}", f"prpc_bench_{kind}"
    backlog(server, queue, queued, function, *(args or (1, 2)))
    settings = {"worker_type": kind, "concurrency": SLOTS[kind], "bench_functions": functions}

    def left() -> int:
        return int(server.client.xlen(stream))

    with worker(binary, APP, server, queue, **settings) as runtime:
        # The first calls find caches cold and hosts just started.
        wait_for(lambda: left() < queued - measured // 20, "the first answers")
        parts = {"runtime": [runtime.pid], "hosts": children(runtime.pid), "redis": [server.pid]}
        first, began = left(), time.monotonic()
        cost = {part: processor_time(pids) for part, pids in parts.items()}
        wait_for(lambda: left() <= queued - measured + measured // 20, "the last answers", 600)
        seconds, calls = time.monotonic() - began, first - left()
        figures = {
            f"{part} µs per call": (processor_time(pids) - cost[part]) / calls * 1e6 for part, pids in parts.items()
        }
    server.client.flushall()
    return {"calls per s": calls / seconds, **figures}


def latency(server: Server, binary: str, calls: int = 2000) -> Figures:
    """One call after the other through our client; and a PING, to know the machine."""
    queue = "bench_latency"
    os.environ.update(PRPC_TYPE_BROKER="redis", PRPC_URL_BROKER=server.url, PRPC_QUEUE_NAME=queue)
    from prpc.app_client import AwaitableTask

    def call() -> None:
        assert AwaitableTask("f", (1, 2), {}).sync_wait_result_task() == 3

    with worker(binary, APP, server, queue, worker_type="thread", concurrency=4):
        pings = times_of(server.client.ping, calls)
        times = times_of(call, calls)
    figures = {"p50 ms": statistics.median(times), "p99 ms": times[int(len(times) * 0.99)]}
    return {**figures, "ping p50 ms": statistics.median(pings)}


def times_of(action: Callable[[], object], count: int) -> list[float]:
    """Sorted milliseconds, without the first hundred."""
    times = []
    for _ in range(count + 100):
        began = time.perf_counter()
        action()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times[100:])


def memory(server: Server, binary: str) -> Figures:
    """The runtime alone when idle, and the Python side of eight process workers that import what programs do."""
    settings = {"worker_type": "process", "concurrency": 8}
    with worker(binary, "bench.ours.app_with_imports:app", server, "bench_memory", **settings) as runtime:
        wait_for(lambda: len(children(runtime.pid)) == 9, "eight hosts and their template")
        time.sleep(1)  # what it needed to start may be given back
        idle = proportional_memory([runtime.pid])
        # Each of the eight runs something, so that what it needs is in its memory.
        backlog(server, "bench_memory", 2000, "f", 1, 2)
        wait_for(lambda: server.client.xlen("prpc_bench_memory") == 0, "the answers")
        figures = {
            "runtime idle MB": idle,
            "runtime after 2 000 calls MB": proportional_memory([runtime.pid]),
            "8 process hosts and template MB": proportional_memory(children(runtime.pid)),
        }
    server.client.flushall()
    return figures


def start(server: Server, binary: str) -> Figures:
    """From the start of the program to the first answer in Redis."""
    queue = f"bench_start_{uuid4().hex[:8]}"
    backlog(server, queue, 1, "f", 1, 2)
    key = f"prpc_feedback_{queue}_{UUID(int=0)}"
    began = time.monotonic()
    with worker(binary, APP, server, queue, worker_type="thread", concurrency=4):
        wait_for(lambda: server.client.exists(key), "the first answer", pause=0.0005)
        seconds = time.monotonic() - began
    server.client.flushall()
    return {"start to first answer ms": seconds * 1000}


def naps(server: Server, binary: str, kind: str) -> Figures:
    """A thousand calls of 100 ms on 64 slots: sixteen rounds take 1.6 s."""
    queue, stream = "bench_naps", "prpc_bench_naps"
    with worker(binary, APP, server, queue, worker_type=kind, concurrency=64):
        # All threads of the host have worked once.
        backlog(server, queue, 64, "nap")
        wait_for(lambda: server.client.xlen(stream) == 0, "the answers")
        began = time.monotonic()
        backlog(server, queue, 1000, "nap")
        wait_for(lambda: server.client.xlen(stream) == 0, "the answers", pause=0.0005)
        seconds = time.monotonic() - began
    server.client.flushall()
    return {"over ideal %": (seconds / 1.6 - 1) * 100}


def echo(server: Server, binary: str, size: int) -> Figures:
    """Bytes of argument, which come back as result; and how busy Redis is meanwhile."""
    calls = max(200, (400 << 20) // size)
    figures = throughput(server, binary, "thread", calls, calls, "echo", "x" * size)
    per_second = figures["calls per s"]
    return {
        "MB per s": per_second * size / 1e6,
        "of a Redis core %": per_second * figures["redis µs per call"] / 1e4,
    }


def write(path: Path, document: object) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
