"""Load on queues in a real cluster, and how the scaling follows: a table, JSON and a drawing.

    make cluster-up bench-scaling [ONLY=wake,burst] [RUNS=3]

Calls come from this machine over a port of the node. When a call was made and when it was answered stands in its reply;
what the scaling did is what two watches of the API server told, when they told it. A pod second is one from a container
seen running until its pod is gone. Every figure is the median of the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/cluster"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bare import bare
from installed import install_operator, mounting_operator
from loads import burst, steady, step
from many import many
from outage import outage
from plot import draw
from processor import Since
from record import Run
from scale_in import scale_in
from wake import wake

TITLES = {
    "wake": "wake: one call after the other to a queue that sleeps; the first minute",
    "wake-image": "wake-image: the same, with the runtime in the image",
    "wake-mounted": "wake-mounted: the same, with the runtime's image mounted into the pods",
    "bare": "bare: 20 pods that only sleep, at once",
    "burst": "burst: 10 000 calls of 0.1 s at once, from zero",
    "burst-image": "burst-image: the same, with the runtime in the image",
    "burst-mounted": "burst-mounted: the same, with the runtime's image mounted into the pods",
    "step": "step: 20 calls/s, then 150, then 20, of 0.1 s",
    "steady": "steady: 60 calls/s of 0.1 s at random, from zero",
    "scale-in": "scale-in: 40 calls of 20 s at once, then 0.3 a second",
    "outage": "outage: broker, password and API server away, one queue at work and one asleep",
    "many": "many: an operator with many queues, none of which has anything to do",
}
WITH_RUNTIME = {"image": "prpc-function:bundled", "runtime": "Image"}


def main() -> None:
    options = parsed()
    measure: dict[str, Callable[[int], Run]] = {
        "wake": partial(wake, count=options.wakes),
        "wake-image": partial(wake, count=options.wakes, function=WITH_RUNTIME),
        "wake-mounted": mounted(partial(wake, count=options.wakes)),
        "bare": bare,
        "burst": burst,
        "burst-image": partial(burst, function=WITH_RUNTIME),
        "burst-mounted": mounted(burst),
        "step": step,
        "steady": steady,
        "scale-in": scale_in,
        "outage": partial(outage, seconds=options.outage),
        "many": partial(many, count=options.queues),
    }
    install_operator()
    measured: dict[str, list[Run]] = {name: [] for name in TITLES if name in options.only}
    for number in range(options.runs):
        for name, runs in measured.items():
            print(f"run {number + 1} of {options.runs}: {name}", file=sys.stderr, flush=True)
            runs.append(with_stolen_time(measure[name], number))
            # A run that fails must not take along those before it.
            if options.json:
                write(options.json, json.dumps(document(measured), indent=1) + "\n")
    print(table(measured))
    if options.plot:
        rows = [(TITLES[name], record) for name, runs in measured.items() if (record := runs[0].record)]
        write(options.plot, draw("Measured in a cluster of one node", rows))


def with_stolen_time(measure: Callable[[int], Run], number: int) -> Run:
    """A run, and the share of the processor that this machine's host took from it: with much, the run tells less."""
    since = Since()
    run = measure(number)
    stolen = since.share("steal")
    return replace(run, figures={**run.figures, "stolen by the host, % of the processor": 100 * stolen})


def mounted(measure: Callable[[int], Run]) -> Callable[[int], Run]:
    """A load on an operator that mounts the runtime's image."""

    def run(number: int) -> Run:
        with mounting_operator():
            return measure(number)

    return run


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", type=names, default=[*TITLES], help=f"of {','.join(TITLES)}")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--wakes", type=int, default=100, help="calls to a queue that sleeps")
    parser.add_argument("--queues", type=int, default=1000, help="queues that have nothing to do")
    parser.add_argument("--outage", type=float, default=300, help="seconds for which the broker is away")
    parser.add_argument("--json", type=Path, help="a file for the figures, and what they were computed from")
    parser.add_argument("--plot", type=Path, help="a file for the drawing of the first runs, as SVG")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Some of the loads."""
    found = text.split(",")
    if unknown := set(found) - set(TITLES):
        raise argparse.ArgumentTypeError(f"no load is called {' or '.join(sorted(unknown))}")
    return found


def document(measured: dict[str, list[Run]]) -> dict[str, object]:
    """All that was measured so far."""
    done = {name: runs for name, runs in measured.items() if runs}
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "figures": {
            f"{name}, {figure}": [run.figures[figure] for run in runs]
            for name, runs in done.items()
            for figure in runs[0].figures
        },
        "replicas": {name: [run.record.replicas for run in runs if run.record] for name, runs in done.items()},
        "details": {name: [run.details for run in runs] for name, runs in done.items() if runs[0].details},
    }


def table(measured: dict[str, list[Run]]) -> str:
    """The medians, as Markdown."""
    rows = ["| load | figure | median | lowest to highest |", "| --- | --- | --- | --- |"]
    for name, runs in measured.items():
        for figure in runs[0].figures:
            found = [run.figures[figure] for run in runs]
            spread = f"{shown(min(found))} to {shown(max(found))}" if len(found) > 1 else ""
            rows.append(f"| {name} | {figure} | {shown(statistics.median(found))} | {spread} |")
    return "\n".join(rows)


def shown(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(path: Path, text: str) -> None:
    """A file, and the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
