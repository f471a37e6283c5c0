"""What happened in one run of a load, over time and in figures."""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from calls import Answer
from cluster import Object
from fleet import Fleet

Figures = dict[str, float]
"""By name; the name ends with the unit."""

Steps = list[tuple[float, int]]
"""Moments at which a number became another one; the first is where it begins."""


@dataclass
class Record:
    """What happened, in seconds after the first call was sent."""

    ends: float
    calls: list[tuple[float, float]]
    """When each was sent and answered, in order of sending."""
    replicas: Steps
    """How many pods were wanted."""
    pods: list[tuple[float, float]]
    """From when a pod was seen running until it was gone."""

    @classmethod
    def of(cls, answers: list[Answer], fleet: Fleet, ends: float) -> Record:
        """What answers and API server tell, until a moment in seconds since 1970."""
        began = min(answer.sent for answer in answers)
        calls = sorted((answer.sent - began, answer.answered - began) for answer in answers)
        there = [(pod.running, pod.gone or math.inf) for pod in fleet.pods.values() if pod.running]
        before = max(bisect(fleet.changes, (began, math.inf)) - 1, 0)
        changes = [(max(at, began) - began, replicas) for at, replicas in fleet.changes[before:] if at <= ends]
        pods = [(max(start, began) - began, min(end, ends) - began) for start, end in there if began < end]
        return cls(ends - began, calls, changes, [(start, end) for start, end in pods if start < end])

    def scaling(self) -> Figures:
        """What was done, and what it cost."""
        ups = [after > before for (_, before), (_, after) in itertools.pairwise(self.replicas)]
        return {
            "most replicas": max(replicas for _, replicas in self.replicas),
            "changes": len(ups),
            "changes of direction": sum(before != after for before, after in itertools.pairwise(ups)),
            "pod seconds": sum(end - start for start, end in self.pods),
        }

    def waiting(self, runs: float, begin: float = 0) -> Figures:
        """How long calls waited that were sent from a moment on: until the answer, less the seconds that one runs."""
        waits = sorted(max(0.0, answered - sent - runs) for sent, answered in self.calls if sent >= begin)
        return {"wait p50 s": quantile(waits, 0.5), "wait p95 s": quantile(waits, 0.95), "wait max s": waits[-1]}

    def answered(self) -> list[float]:
        """When calls were answered, in that order."""
        return sorted(answered for _, answered in self.calls)

    def running(self) -> Steps:
        """How many pods were there."""
        events = sorted([(start, 1) for start, _ in self.pods] + [(end, -1) for _, end in self.pods if end < self.ends])
        moments = (at for at, _ in events)
        numbers = itertools.accumulate(change for _, change in events)
        return [(0.0, 0), *zip(moments, numbers, strict=True)]


@dataclass
class Run:
    """One run of a load."""

    figures: Figures
    record: Record | None = None
    """Over time, if there is something to see."""
    details: Object = field(default_factory=dict)
    """What its figures were computed from, if that is not drawn."""


def quantile(ordered: Sequence[float], part: float) -> float:
    """The smallest that at least this part of them does not exceed."""
    return ordered[max(math.ceil(len(ordered) * part), 1) - 1]
