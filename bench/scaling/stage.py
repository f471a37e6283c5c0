"""A queue of one load's own, in a namespace and on a Redis of its own, until the load is over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from api import Api, proxied
from callers import Queue
from cluster import Namespace, Object, kubectl, queue, wait_for
from fleet import Fleet, watched
from installed import redis_namespace
from processor import Since

LARGEST_OFFSET = 0.05
"""Seconds by which the cluster's clock may differ from this machine's: answers are stamped there, calls here."""

PODS: Object = {"resources": {"requests": {"cpu": "40m"}}}
"""Twenty of them fit on a node of two cores, beside Kubernetes. Without a request, pods that are at work get the
processor only when nothing else wants it, as long as others start."""

IDLE_SHARE, IDLE_SECONDS = 0.7, 3
"""Of the processor, and for so long, before a load begins: what the one before left may take a while to go."""


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
    with namespace_of_its_own(name) as place, proxied() as api:
        Queue.url = on_the_node(place)
        caller = Queue(name)
        wait_for("Redis on a port of the node", caller.answers)
        compare_clocks(caller)
        with watched(api, place.name, name) as fleet:
            place.apply(queue(name, scaling=scaling, function=function or {}, podTemplate=PODS))
            place.wait_ready(name, "Serving" if scaling["minReplicas"] else "ScaledToZero")
            wait_for("an idle machine", is_idle, seconds=120)
            yield Stage(place, api, fleet, caller)
            # The next load finds nobody at work.
            place.delete("pq", name, "--ignore-not-found", "--timeout=60s")
            wait_for("no pods", lambda: not fleet.there())


def namespace_of_its_own(load: str) -> AbstractContextManager[Namespace]:
    """A new one for every run.

    For half a minute after one was deleted, whatever is created under its name costs the API server a look at whether
    it is there.
    """
    return redis_namespace(f"bench-{load}-{uuid4().hex[:6]}")


def on_the_node(place: Namespace) -> str:
    """Where Redis is for callers outside.

    On the node: a forwarded port leads through the API server and the kubelet, which are busy with the start of pods.
    """
    place.patch("service", "redis", {"spec": {"type": "NodePort"}})
    (port,) = place.get("service", "redis")["spec"]["ports"]
    addresses = json.loads(kubectl("get", "nodes", "-o", "json"))["items"][0]["status"]["addresses"]
    node = next(address["address"] for address in addresses if address["type"] == "InternalIP")
    return f"redis://{node}:{port['nodePort']}/0"


def compare_clocks(caller: Queue) -> None:
    """Fails if moments of the cluster and of this machine cannot be compared."""
    server: Any = caller.redis
    before = time.time()
    seconds, micros = server.time()
    offset = seconds + micros / 1e6 - (before + time.time()) / 2
    assert abs(offset) < LARGEST_OFFSET, f"the clock of the cluster is {offset:+.3f} s off: set both by the same server"


def is_idle() -> bool:
    """Looks for some seconds whether this machine, which is the node too, has little to do."""
    for _ in range(IDLE_SECONDS):
        second = Since()
        time.sleep(1)
        if second.share("idle") < IDLE_SHARE:
            return False
    return True
