"""What an operator costs that looks after many queues of which none has anything to do."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from cluster import Object, kubectl, queue, wait_for
from installed import SYSTEM
from machine import processor_time, proportional_memory
from record import Figures, Run
from stage import stage

IDLE_MINUTES = 20
"""As long as it takes until the operator has written all that is not watched again."""

# The operator never replaces a whole object; others do.
WRITES = {"POST", "PATCH", "DELETE", "APPLY"}
OURS = {"prpcqueues", "deployments", "poddisruptionbudgets", "events", "leases", "pods"}
ASLEEP: Object = {"minReplicas": 0, "idleSeconds": 0}
BATCH = 100
SETTLE_SECONDS = 900.0


def many(_seed: int, count: int) -> Run:
    """Queues on one Redis, all asleep, minute by minute."""
    with stage("many", {**ASLEEP, "maxReplicas": 1}) as on:
        began = time.monotonic()
        for first in range(0, count, BATCH):
            on.place.apply(*(queue(f"q{number}", scaling=ASLEEP) for number in range(first, min(first + BATCH, count))))
        applied = time.monotonic() - began
        wait_for("all asleep", lambda: asleep(on.place.objects("pq")) > count, SETTLE_SECONDS)
        settled = time.monotonic() - began
        pid = leader()
        minutes = [Minute.of(pid) for _ in range(IDLE_MINUTES)]
        server: Any = on.queue.redis
        clients = [client for client in server.client_list() if client["cmd"] in ("xread", "evalsha", "eval")]
        figures: Figures = {
            "queues": count,
            "applied s": applied,
            "all asleep s": settled,
            "connections to Redis": len(clients),
            "writes to the API server /s": mean(minute.writes for minute in minutes),
            "writes in the busiest minute /s": max(minute.writes for minute in minutes),
            "core %": mean(minute.core for minute in minutes),
            "core in the busiest minute %": max(minute.core for minute in minutes),
            "memory MB": proportional_memory([pid]),
        }
        on.place.delete("pq", "--all", "--wait=false")
    return Run(figures, details={"minutes": [asdict(minute) for minute in minutes]})


@dataclass
class Minute:
    """What was done in one."""

    writes: float
    """To the API server, a second."""
    core: float
    """Per cent of a core."""

    @classmethod
    def of(cls, pid: int) -> Minute:
        """The one that begins now."""
        before, spent = requests(), processor_time([pid])
        time.sleep(60)
        writes, spent = requests() - before, processor_time([pid]) - spent
        return cls(writes.total() / 60, spent / 60 * 100)


def asleep(queues: list[Object]) -> int:
    """How many say so, and that Kubernetes has done all that was asked for."""
    return sum({"ScaledToZero", "Complete"} <= reasons(queue) for queue in queues)


def reasons(queue: Object) -> set[str]:
    """Of all conditions."""
    return {condition["reason"] for condition in queue.get("status", {}).get("conditions", [])}


def requests() -> Counter[str]:
    """Writes of kinds that the operator writes, as the API server counts them, whoever they come from."""
    found: Counter[str] = Counter()
    for line in kubectl("get", "--raw", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, _, value = line.partition("} ")
        pairs = dict(pair.split("=", 1) for pair in labels.partition("{")[2].split(",") if "=" in pair)
        verb, resource = (pairs.get(name, "").strip('"') for name in ("verb", "resource"))
        if verb in WRITES and resource in OURS:
            found[f"{verb} {resource}"] += int(float(value))
    return found


def leader() -> int:
    """The process that leads, which is one of this machine: containers of kind share its kernel."""
    return max(operators(), key=lambda pid: processor_time([pid]))


def operators() -> list[int]:
    """All replicas."""
    found = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and command(folder).startswith("prpc-operator")
    ]
    assert found, f"no operator of {SYSTEM} runs on this machine"
    return found


def command(folder: Path) -> str:
    """What a process is."""
    try:
        return (folder / "comm").read_text()
    except OSError:
        return ""
