"""How soon this cluster starts pods that do nothing: before that, nothing answers a burst."""

from __future__ import annotations

import statistics

from api import proxied
from cluster import Namespace, Object, wait_for
from fleet import Fleet, watched
from record import Figures, Run
from stage import namespace_of_its_own

PODS = 20
"""As many as the bursts start."""
NAME = "bare"


def bare(_seed: int) -> Run:
    """As many pods at once as a burst starts, under the same restrictions, that note when they began and sleep."""
    with namespace_of_its_own(NAME) as place, proxied() as api, watched(api, place.name, NAME) as fleet:
        place.apply(deployment())
        place.kubectl("rollout", "status", f"deployment/{NAME}-worker")
        place.patch("deployment", f"{NAME}-worker", {"spec": {"replicas": PODS}})
        began = wait_for("their beginnings", lambda: beginnings(place, fleet))
    wanted = fleet.changes[-1][0]
    starts = sorted(at - wanted for at in began)
    figures: Figures = {
        "first start s": starts[0],
        "mean start s": statistics.mean(starts),
        "last start s": starts[-1],
    }
    return Run(figures)


def beginnings(place: Namespace, fleet: Fleet) -> list[float] | None:
    """What all pods have noted, in seconds since 1970; nothing before all have."""
    running = [name for name, pod in fleet.there().items() if pod.running]
    if len(running) < PODS:
        return None
    noted = [place.kubectl("logs", name) for name in running]
    return [float(text) for text in noted] if all(noted) else None


def deployment() -> Object:
    """The Deployment, with the names by which a fleet is watched."""
    labels = {"app.kubernetes.io/instance": NAME, "app.kubernetes.io/name": "prpc-worker"}
    container = {
        "name": "worker",
        "image": "prpc-function:bundled",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "date +%s.%N; exec sleep infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": labels}, "spec": {**pod, "automountServiceAccountToken": False}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{NAME}-worker"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
