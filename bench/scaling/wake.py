"""How long a queue that sleeps takes to wake."""

from __future__ import annotations

from random import Random

from calls import Answer
from cluster import Object
from record import Figures, Record, Run, quantile
from stage import stage

ASLEEP = 2.5
"""Seconds of sleep before a call, at least."""
POLL = 2
DRAWN = 60.0
"""Seconds of which there is a drawing."""

AT_ONCE: Object = {
    "minReplicas": 0,
    "idleSeconds": 0,
    "pollIntervalSeconds": POLL,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}


def wake(seed: int, count: int, function: Object | None = None) -> Run:
    """One call after the other, each to a queue that sleeps."""
    chance = Random(seed)
    answers: list[Answer] = []
    to_replicas: list[float] = []
    with stage("wake", AT_ONCE, function) as on:
        # The first start finds caches cold.
        on.queue.call("add", 1, 2)
        for _ in range(count):
            # The queue falls asleep at a look: calls must not come at the same time after one.
            on.fleet.wait_asleep(ASLEEP + chance.uniform(0, POLL))
            (reply,) = on.queue.results(on.queue.send("add", 1, 2))
            answer = Answer.of(reply)
            woken = next(at for at, replicas in on.fleet.changes if replicas and at > answer.sent)
            answers.append(answer)
            to_replicas.append(woken - answer.sent)
        asleep = on.fleet.wait_asleep()
        record = Record.of(answers, on.fleet, min(asleep, answers[0].sent + DRAWN))
    to_answer = [answer.answered - answer.sent for answer in answers]
    figures = {**latencies("message to replicas", to_replicas), **latencies("message to answer", to_answer)}
    accounts: Figures = {"calls": count, "failed calls": sum(answer.failed for answer in answers)}
    details = {"message to replicas s": to_replicas, "message to answer s": to_answer}
    return Run({**figures, **accounts}, record, details)


def latencies(name: str, seconds: list[float]) -> Figures:
    """What is told about times that were measured."""
    ordered = sorted(seconds)
    parts = {f"{name}, p{part} s": quantile(ordered, part / 100) for part in (50, 90, 99)}
    return {**parts, f"{name}, max s": ordered[-1]}
