"""The pods of a queue as the API server tells of them, with the moments at which it did, in seconds since 1970."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api import Api
from cluster import Object, wait_for

ASLEEP_SECONDS = 600.0
"""Steps down take a minute each by default, so the last pods of many go late."""


@dataclass
class Pod:
    """Moments of a pod, as far as they have come."""

    running: float | None = None
    """The container with the program was seen running."""
    told: float | None = None
    """It was told to end."""
    gone: float | None = None
    exit_code: int | None = None


class Fleet:
    """What was heard so far."""

    def __init__(self) -> None:
        self.changes: list[tuple[float, int]] = []
        """When `spec.replicas` of the Deployment became which number; the first is what there was."""
        self.pods: dict[str, Pod] = {}

    def heard_deployment(self, at: float, _kind: str, deployment: Object) -> None:
        """An event of the Deployment."""
        replicas = int(deployment["spec"]["replicas"])
        if not self.changes or self.changes[-1][1] != replicas:
            self.changes.append((at, replicas))

    def heard_pod(self, at: float, kind: str, told: Object) -> None:
        """An event of a pod."""
        name = told["metadata"]["name"]
        pod = self.pods.get(name, Pod())
        # Others read it meanwhile.
        self.pods = {**self.pods, name: pod}
        for container in told["status"].get("containerStatuses", []):
            state = container["state"]
            if "running" in state and pod.running is None:
                pod.running = at
            if "terminated" in state:
                pod.exit_code = int(state["terminated"]["exitCode"])
        if "deletionTimestamp" in told["metadata"] and pod.told is None:
            pod.told = at
        if kind == "DELETED":
            pod.gone = at

    def there(self) -> dict[str, Pod]:
        """The pods that are not gone, among them those on their way out."""
        return {name: pod for name, pod in self.pods.items() if pod.gone is None}

    def asleep_since(self) -> float | None:
        """Since when there is no pod and none is wanted; nothing if that is not so."""
        if not self.changes or self.changes[-1][1] or self.there():
            return None
        return max([self.changes[-1][0], *(pod.gone for pod in self.pods.values() if pod.gone)])

    def wait_asleep(self, seconds: float = 0) -> float:
        """Waits until the queue has been asleep for so long; returns since when it is."""

        def look() -> float | None:
            since = self.asleep_since()
            return since if since and time.time() - since >= seconds else None

        return wait_for("asleep", look, ASLEEP_SECONDS)


@contextmanager
def watched(api: Api, namespace: str, queue: str) -> Iterator[Fleet]:
    """The fleet of a queue, from before the queue is there."""
    fleet = Fleet()
    deployment = f"metadata.name={queue}-worker"
    pods = f"app.kubernetes.io/instance={queue},app.kubernetes.io/name=prpc-worker"
    where = f"namespaces/{namespace}"
    watches = [
        api.watch(f"/apis/apps/v1/{where}/deployments", fleet.heard_deployment, fieldSelector=deployment),
        api.watch(f"/api/v1/{where}/pods", fleet.heard_pod, labelSelector=pods),
    ]
    yield fleet
    assert all(watch.is_alive() for watch in watches), "a watch was over before its load: not all was heard"
