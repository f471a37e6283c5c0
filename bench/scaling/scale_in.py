"""Whether pods are taken away that have little to do, and without a loss."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random

from api import Api
from calls import Calls, poisson
from cluster import Object, wait_for
from fleet import Fleet
from record import Figures, Record, Run
from stage import stage

RUNS = 20.0
"""Seconds that a call runs."""
TRICKLE = (240.0, 0.3)
"""Seconds, and calls a second: six slots busy, for which two pods suffice."""
SETTINGS: Object = {
    "minReplicas": 2,
    "maxReplicas": 10,
    "backlogPerReplica": 4,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}
PAUSE = 0.25
"""Seconds between two rounds of questions."""
BETWEEN_WATCHES = 0.1
"""Seconds by which the number may be heard of later than the pods that it takes away."""

Round = tuple[float, dict[str, int]]
"""When the pods had been asked, in seconds since 1970, and how many calls each ran."""


def scale_in(seed: int) -> Run:
    """Forty calls at once on four slots a pod, then a few at a time."""
    with stage("scale-in", SETTINGS) as on:
        calls = Calls(on.queue, "record", "runs", RUNS)
        with asked(on.api, on.place.name, on.fleet) as rounds:
            calls.send_at_once(40)
            calls.send_at(poisson(Random(seed), TRICKLE))
            calls.wait_answered()
        wait_for("the end of those that were told to", lambda: not any(pod.told for pod in on.fleet.there().values()))
        answers = calls.answers()
        record = Record.of(answers, on.fleet, max(answer.answered for answer in answers))
        steps = decreases(on.fleet, rounds)
        taken = [pod for pod in on.fleet.pods.values() if pod.told]
        accounts = {**calls.accounts(answers), **calls.repeated(answers, "runs")}
    figures: Figures = {
        "pods taken away": len(taken),
        "calls in work on them": sum(step.in_work for step in steps),
        "calls in work had the idlest gone": sum(step.least for step in steps),
        "pods that did not end in order": sum(pod.exit_code != 0 for pod in taken),
    }
    details = {"decreases": [asdict(step) for step in steps]}
    return Run({**figures, **record.waiting(RUNS), **record.scaling(), **accounts}, record, details)


@dataclass
class Decrease:
    """Fewer pods were wanted: which had to go."""

    at: float
    """Seconds since 1970."""
    taken: dict[str, int]
    """Calls that they ran just before."""
    kept: dict[str, int]

    @property
    def in_work(self) -> int:
        """Calls on those that had to go."""
        return sum(self.taken.values())

    @property
    def least(self) -> int:
        """The same, had those gone that had least to do."""
        return sum(sorted([*self.taken.values(), *self.kept.values()])[: len(self.taken)])


def decreases(fleet: Fleet, rounds: list[Round]) -> list[Decrease]:
    """All of them, in order."""
    moments = [at for (_, before), (at, after) in itertools.pairwise(fleet.changes) if after < before]
    told = {name: pod.told + BETWEEN_WATCHES for name, pod in fleet.pods.items() if pod.told}
    found = []
    for at, following in itertools.pairwise([*moments, math.inf]):
        busy: dict[str, int] = next((busy for asked_at, busy in reversed(rounds) if asked_at <= at), {})
        # Who does not answer runs nothing yet.
        taken = {name: busy.get(name, 0) for name, moment in told.items() if at <= moment < following}
        kept = {name: calls for name, calls in busy.items() if told.get(name, math.inf) >= following}
        found.append(Decrease(at, taken, kept))
    return found


@contextmanager
def asked(api: Api, namespace: str, fleet: Fleet) -> Iterator[list[Round]]:
    """How many calls each pod runs, again and again as long as the block runs."""
    rounds: list[Round] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(PAUSE):
            pages = {name: api.get(page(namespace, name)) for name, pod in fleet.there().items() if pod.running}
            rounds.append((time.time(), {name: int(status["busy"]) for name, status in pages.items() if status}))

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield rounds
    finally:
        over.set()
        asker.join()


def page(namespace: str, pod: str) -> str:
    """Where the API server shows what a pod tells about itself."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:9464/proxy/status"
