"""Tasks per second of prpc and its peers: the same work, the same Redis, the same run, interleaved.

    make bench-peers [RUNS=5]

Every peer gets a backlog, then its worker is started with two processes (or its nearest), with results kept in Redis.
The clock runs from the first to the last task that ran, so starting the worker does not count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

import plot  # noqa: E402
from machine import redis_server  # noqa: E402

CALLS = {
    "prpc thread": 100_000,
    "prpc process": 100_000,
    "prpc async": 100_000,
    "huey": 10_000,
    "taskiq": 5_000,
    "arq": 3_000,
    "dramatiq": 2_000,
    "celery": 2_000,
    "rq": 1_000,
}
PATIENCE = 120


def rate(peer: str, calls: int, port: int, binary: str) -> float:
    """One run of one peer."""
    module, _, kind = peer.partition(" ")
    redis.Redis(port=port).flushall()
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done"
        done.touch()
        environment = {
            **os.environ,
            "BENCH_URL": f"redis://127.0.0.1:{port}/0",
            "BENCH_DONE": str(done),
            "BENCH_KIND": kind or "thread",
            "BENCH_BINARY": binary,
            "PRPC_PYTHON": sys.executable,
            "PRPC_LOG": "error",
            "PYTHONPATH": f"{FOLDER}:{FOLDER.parents[1] / 'python'}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        show = f"import {module}_app as app, json; app.enqueue({calls}); print(json.dumps(app.COMMAND))"
        prepared = subprocess.run(
            [sys.executable, "-c", show], env=environment, check=True, capture_output=True, text=True
        )
        command = json.loads(prepared.stdout.splitlines()[-1])
        log = (Path(folder) / "log").open("wb")
        worker = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            return measure(done, calls, peer, Path(folder) / "log")
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def measure(done: Path, calls: int, peer: str, log: Path) -> float:
    """Tasks per second between the first that is seen and the last."""
    deadline = time.monotonic() + PATIENCE
    first, began = 0, 0.0
    while (count := done.stat().st_size) < calls:
        if count and not first:
            first, began = count, time.monotonic()
        if time.monotonic() > deadline:
            sys.exit(f"{peer}: {count} of {calls} tasks in {PATIENCE} s\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.001)
    return (calls - first) / (time.monotonic() - began)


def version(peer: str) -> str:
    """The version that was measured."""
    name = peer.split(" ")[0]
    return "this tree" if name == "prpc" else importlib.metadata.version(name)


def main() -> None:
    """Interleave the runs and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--binary", required=True, help="the program prpc")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(CALLS))
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    parser.add_argument("--plot", type=Path, help="where a drawing goes")
    options = parser.parse_args()
    rates: dict[str, list[float]] = {peer: [] for peer in options.only}
    with redis_server() as server:
        port = server.client.connection_pool.connection_kwargs["port"]
        for _ in range(options.runs):
            for peer in options.only:
                rates[peer].append(rate(peer, CALLS[peer], port, options.binary))
    medians = {peer: statistics.median(found) for peer, found in rates.items()}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps({"cores": os.cpu_count(), "python": platform.python_version(), "rates": rates}, indent=1) + "\n"
        )
    if options.plot:
        options.plot.write_text(plot.draw("Tasks per second, two processes each, one Redis", rates))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {options.runs} runs, tasks/s")
    fastest = max(medians.values())
    for peer, median in sorted(medians.items(), key=lambda item: -item[1]):
        low, high = min(rates[peer]), max(rates[peer])
        print(f"{peer:<13} {version(peer):<10} {median:>9,.0f}  ({low:,.0f} to {high:,.0f})  1/{fastest / median:.1f}")


if __name__ == "__main__":
    main()
