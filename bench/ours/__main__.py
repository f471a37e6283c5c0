"""Our own figures, beside what they must be: a table, and the same as JSON.

    make bench [BROKER=redis|kafka] [RUNS=5]

The broker, the runtime, its hosts and the client share this machine. Every figure is the median of interleaved runs;
those that take long are measured once.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import figures
import kafka_figures
from figures import Figures
from machine import Server, redis_server

from kafka_server import KafkaServer

WORKERS = ("thread", "process", "async")
MUST = {
    **{f"{kind} worker, calls per s": (">=", floor) for kind, floor in zip(WORKERS, (60e3, 60e3, 50e3), strict=True)},
    **{f"{kind} worker, runtime µs per call": ("<=", 8) for kind in WORKERS},
    "one call, p50 ms": ("<=", 0.5),
    "one call, p99 ms": ("<=", 2),
    "memory, runtime idle MB": ("<=", 25),
    "memory, 8 process hosts and template MB": ("<=", 60),
    "start, start to first answer ms": ("<=", 250),
    "1 000 naps of 100 ms on 64 thread slots, over ideal %": ("<=", 5),
    "1 000 naps of 100 ms on 64 async slots, over ideal %": ("<=", 5),
    "echo of 64 KiB, of a Redis core %": (">=", 60),
    "echo of 1 MiB, of a Redis core %": (">=", 60),
}
MUST_ON_KAFKA = {
    **{f"{kind} worker, calls per s": (">=", 40e3) for kind in WORKERS},
    "one call, p50 ms": ("<=", 5),
    "a second worker comes, calls answered twice": ("<=", 0),
    "a second worker comes, calls never answered": ("<=", 0),
    "a second worker comes, longest pause s": ("<=", 3),
    "a second worker comes, partitions of the one with fewer": (">=", 1),
}
Measure = Callable[[], Figures]


def usual(server: Server, binary: str, calls: int) -> dict[str, Measure]:
    """What is repeated."""
    found: dict[str, Measure] = {}
    for kind in WORKERS:
        found[f"{kind} worker"] = partial(figures.throughput, server, binary, kind, calls, calls)
    found["one call"] = lambda: figures.latency(server, binary)
    found["start"] = lambda: figures.start(server, binary)
    return found


def rare(server: Server, binary: str) -> dict[str, Measure]:
    """What is measured once."""
    found: dict[str, Measure] = {"memory": lambda: figures.memory(server, binary)}
    for kind in ("thread", "async"):
        found[f"1 000 naps of 100 ms on 64 {kind} slots"] = partial(figures.naps, server, binary, kind)
    for name, size in (("64 KiB", 64 << 10), ("1 MiB", 1 << 20)):
        found[f"echo of {name}"] = partial(figures.echo, server, binary, size)
    for queued in (1_000, 100_000, 1_000_000, 5_000_000):
        measured = min(queued, 100_000)
        found[f"thread worker and {queued} queued"] = partial(
            figures.throughput, server, binary, "thread", queued, measured
        )
    for functions in (1, 1_000):
        found[f"thread worker and {functions} functions"] = partial(
            figures.throughput, server, binary, "thread", 100_000, 100_000, functions=functions
        )
    return found


def on_kafka(server: KafkaServer, binary: str, calls: int) -> dict[str, Measure]:
    """What is measured on Kafka."""
    found: dict[str, Measure] = {}
    for kind in WORKERS:
        found[f"{kind} worker"] = partial(kafka_figures.throughput, server, binary, kind, calls)
    found["one call"] = lambda: kafka_figures.latency(server, binary)
    found["a second worker comes"] = lambda: kafka_figures.second_worker(server, binary)
    return found


def measure_on_redis(options: argparse.Namespace) -> dict[str, list[Figures]]:
    """All figures of each measurement."""
    with redis_server() as server:
        repeated = usual(server, options.binary, options.calls)
        plan = [*(list(repeated.items()) * options.runs)]
        return follow(plan if options.quick else [*plan, *rare(server, options.binary).items()])


def measure_on_kafka(options: argparse.Namespace) -> dict[str, list[Figures]]:
    """All figures of each measurement."""
    with kafka_figures.kafka_server() as server:
        return follow(list(on_kafka(server, options.binary, options.calls).items()) * options.runs)


def follow(plan: list[tuple[str, Measure]]) -> dict[str, list[Figures]]:
    """Measures one after the other."""
    measured: dict[str, list[Figures]] = {}
    for number, (name, measure) in enumerate(plan, 1):
        print(f"{number} of {len(plan)}: {name}", file=sys.stderr, flush=True)
        measured.setdefault(name, []).append(measure())
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--binary", required=True, help="the program prpc")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200_000, help="calls in a backlog")
    parser.add_argument("--quick", action="store_true", help="only throughput, latency and start")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--broker", choices=("redis", "kafka"), default="redis")
    options = parser.parse_args()
    on_redis = options.broker == "redis"
    measured = measure_on_redis(options) if on_redis else measure_on_kafka(options)
    must = MUST if on_redis else MUST_ON_KAFKA
    values = {
        f"{name}, {figure}": [run[figure] for run in runs] for name, runs in measured.items() for figure in runs[0]
    }
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {options.runs} runs, medians (lowest to highest)"
    )
    for name, found in values.items():
        print(line(name, found, must))
    if options.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "runs": options.runs}
        figures.write(options.json, {"machine": machine, "figures": values})


def line(name: str, found: list[float], must: Mapping[str, tuple[str, float]]) -> str:
    """One row."""
    median = statistics.median(found)
    spread = f"({shown(min(found))} to {shown(max(found))})" if len(found) > 1 else ""
    verdict = ""
    if name in must:
        sign, limit = must[name]
        met = median >= limit if sign == ">=" else median <= limit
        verdict = f"{'met' if met else 'MISSED'}: must be {sign} {shown(limit)}"
    return f"{name:<60} {shown(median):>9} {spread:<22} {verdict}".rstrip()


def shown(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
