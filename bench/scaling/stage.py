"""A queue of one load's own, in a namespace and on a Redis of its own, until the load is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from api import Api, proxied
from callers import Queue
from cluster import Namespace, Object, forwarded, queue, wait_for
from fleet import Fleet, watched
from installed import redis_namespace

LARGEST_OFFSET = 0.05
"""Seconds by which the cluster's clock may differ from this machine's: answers are stamped there, calls here."""


@dataclass
class Stage:
    """Where a load is played."""

    place: Namespace
    api: Api
    fleet: Fleet
    queue: Queue


@contextmanager
def stage(name: str, scaling: Object, function: Object | None = None) -> Iterator[Stage]:
    """A queue of pods that run four calls at a time, as its `spec.scaling` says; `function` may name an image."""
    with redis_namespace(f"bench-{name}") as place, forwarded(place.name, "svc/redis", 6379) as port, proxied() as api:
        Queue.url = f"redis://127.0.0.1:{port}/0"
        caller = Queue(name)
        wait_for("the forwarded Redis", caller.answers)
        compare_clocks(caller)
        with watched(api, place.name, name) as fleet:
            place.apply(queue(name, scaling=scaling, function=function or {}))
            place.wait_ready(name, "Serving" if scaling["minReplicas"] else "ScaledToZero")
            yield Stage(place, api, fleet, caller)
            # The next load finds nobody at work.
            place.delete("pq", name, "--ignore-not-found", "--timeout=60s")
            wait_for("no pods", lambda: not fleet.there())


def compare_clocks(caller: Queue) -> None:
    """Fails if moments of the cluster and of this machine cannot be compared."""
    server: Any = caller.redis
    before = time.time()
    seconds, micros = server.time()
    offset = seconds + micros / 1e6 - (before + time.time()) / 2
    assert abs(offset) < LARGEST_OFFSET, f"the clock of the cluster is {offset:+.3f} s off: set both by the same server"
