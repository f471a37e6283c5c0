"""What an operator costs that looks after many queues of which none has anything to do."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from cluster import Object, kubectl, queue, wait_for
from installed import SYSTEM
from machine import processor_time, proportional_memory
from record import Figures, Run
from stage import stage

IDLE_SECONDS = 60
# The operator never replaces a whole object; others do.
WRITES = {"POST", "PATCH", "DELETE", "APPLY"}
OURS = {"prpcqueues", "deployments", "poddisruptionbudgets", "events", "leases", "pods"}
ASLEEP: Object = {"minReplicas": 0, "idleSeconds": 0}
BATCH = 100
SETTLE_SECONDS = 900.0


def many(_seed: int, count: int) -> Run:
    """Queues on one Redis, all asleep, for a minute."""
    with stage("many", {**ASLEEP, "maxReplicas": 1}) as on:
        began = time.monotonic()
        for first in range(0, count, BATCH):
            on.place.apply(*(queue(f"q{number}", scaling=ASLEEP) for number in range(first, min(first + BATCH, count))))
        applied = time.monotonic() - began
        wait_for("all asleep", lambda: asleep(on.place.objects("pq")) > count, SETTLE_SECONDS)
        settled = time.monotonic() - began
        pid = leader()
        wait_for("nothing left to write", lambda: rate(5) < 5, SETTLE_SECONDS)
        before, spent = requests(), processor_time([pid])
        time.sleep(IDLE_SECONDS)
        writes, spent = requests() - before, processor_time([pid]) - spent
        server: Any = on.queue.redis
        clients = [client for client in server.client_list() if client["cmd"] in ("xread", "evalsha", "eval")]
        figures: Figures = {
            "queues": count,
            "applied s": applied,
            "all asleep s": settled,
            "connections to Redis": len(clients),
            "writes to the API server /s": writes.total() / IDLE_SECONDS,
            "core %": spent / IDLE_SECONDS * 100,
            "memory MB": proportional_memory([pid]),
        }
        on.place.delete("pq", "--all", "--wait=false")
    return Run(figures, details={"writes": dict(writes)})


def asleep(queues: list[Object]) -> int:
    """How many say so."""
    reasons = (
        condition["reason"]
        for one in queues
        for condition in one.get("status", {}).get("conditions", [])
        if condition["type"] == "Ready"
    )
    return sum(reason == "ScaledToZero" for reason in reasons)


def rate(seconds: float) -> float:
    """Writes a second."""
    before = requests()
    time.sleep(seconds)
    return (requests() - before).total() / seconds


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
