"""Calls of a tenth of a second: many at once, at changing rates, at a steady rate."""

from __future__ import annotations

from random import Random

from calls import Calls, poisson
from cluster import Object
from record import Record, Run
from stage import stage

NAP = 0.1
"""Seconds that a call runs."""

FOR_BURSTS: Object = {
    "minReplicas": 0,
    "maxReplicas": 20,
    "idleSeconds": 10,
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}


def burst(_seed: int, function: Object | None = None) -> Run:
    """Ten thousand calls at once, from zero until zero."""
    with stage("burst", FOR_BURSTS, function) as on:
        calls = Calls(on.queue, "nap", NAP)
        calls.send_at_once(10_000)
        calls.wait_answered()
        asleep = on.fleet.wait_asleep()
        answers = calls.answers()
        record = Record.of(answers, on.fleet, asleep)
    (first_at, first), answered, scaling = record.replicas[1], record.answered(), record.scaling()
    figures = {
        "first replicas": first,
        "first replicas s": first_at,
        "most replicas s": next(at for at, replicas in record.replicas if replicas == scaling["most replicas"]),
        "first answer s": answered[0],
        "last answer s": answered[-1],
        "zero again s": record.ends,
    }
    return Run({**figures, **record.waiting(NAP), **scaling, **calls.accounts(answers)}, record)


def step(seed: int) -> Run:
    """A minute of few calls, one of many, one of few, with the usual settings."""
    with stage("step", {"minReplicas": 1, "maxReplicas": 20}) as on:
        calls = Calls(on.queue, "nap", NAP)
        calls.send_at(poisson(Random(seed), (60, 20), (60, 150), (60, 20)))
        calls.wait_answered()
        answers = calls.answers()
        record = Record.of(answers, on.fleet, max(answer.answered for answer in answers))
    return Run({**record.waiting(NAP), **record.scaling(), **calls.accounts(answers)}, record)


def steady(seed: int) -> Run:
    """Five minutes at one rate from zero; waits are those after half a minute."""
    with stage("steady", FOR_BURSTS) as on:
        calls = Calls(on.queue, "record", "runs", NAP)
        calls.send_at(poisson(Random(seed), (300, 60)))
        calls.wait_answered()
        answers = calls.answers()
        record = Record.of(answers, on.fleet, max(answer.answered for answer in answers))
        accounts = {**calls.accounts(answers), **calls.repeated(answers, "runs")}
    return Run({**record.waiting(NAP, begin=30), **record.scaling(), **accounts}, record)
