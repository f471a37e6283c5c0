"""A cluster as the tests use it: kubectl, manifests, and waiting for a condition."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Object = dict[str, Any]
T = TypeVar("T")

DEADLINE = 300.0
"""Seconds after which nothing is expected any more."""


class Refused(Exception):
    """kubectl failed; the text is what it said."""


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl and return what it printed."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def wait_for(what: str, look: Callable[[], T | None], seconds: float = DEADLINE) -> T:
    """Look again and again until there is something; what was seen last is a part of the failure."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {seen!r}")
        time.sleep(0.1)
    return seen


class Namespace:
    """A namespace and what is in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in this namespace."""
        return kubectl("-n", self.name, *arguments, stdin=stdin)

    def apply(self, *objects: Object) -> None:
        """Apply objects as a user does."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "-f", "-", stdin=text)

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        found: Object = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def objects(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind, or those that a selector selects."""
        found: list[Object] = json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))["items"]
        return found

    def patch(self, kind: str, name: str, change: Object) -> None:
        """Merge a change into an object."""
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    def delete(self, kind: str, name: str, *arguments: str) -> None:
        """Delete an object."""
        self.kubectl("delete", kind, name, *arguments)

    # Queues

    def condition(self, queue: str, kind: str = "Ready") -> Object:
        """A condition of a queue; empty if it is not there yet."""
        found: list[Object] = self.get("pq", queue).get("status", {}).get("conditions", [])
        return next((condition for condition in found if condition["type"] == kind), {})

    def wait_ready(self, queue: str, reason: str = "Serving", seconds: float = DEADLINE) -> Object:
        """Wait until the condition Ready has this reason."""

        def look() -> Object | None:
            condition = self.condition(queue)
            return condition if condition.get("reason") == reason else None

        try:
            return wait_for(f"{queue} {reason}", look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.kubectl('get', 'pq,deploy,pods', '-o', 'wide')}") from error

    def all_pods(self, queue: str) -> list[Object]:
        """The pods of a queue; those on their way out may still take calls."""
        return self.objects("pods", f"app.kubernetes.io/instance={queue},app.kubernetes.io/name=prpc-worker")

    def pods(self, queue: str) -> list[Object]:
        """The pods of a queue that are not on their way out."""
        return [pod for pod in self.all_pods(queue) if "deletionTimestamp" not in pod["metadata"]]

    def events(self, queue: str) -> list[str]:
        """Reasons of the events of a queue, oldest first."""
        found = [event for event in self.objects("events") if event["involvedObject"]["name"] == queue]
        found.sort(key=lambda event: str(event.get("firstTimestamp") or event.get("eventTime")))
        return [str(event["reason"]) for event in found]


@contextmanager
def forwarded(namespace: str, target: str, port: int, here: int | None = None) -> Iterator[int]:
    """A port of this machine, any or a certain one, that leads to a port of a pod or service."""
    command = ["kubectl", "-n", namespace, "port-forward", target, f"{here or ''}:{port}"]
    forward = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert forward.stdout
        line = forward.stdout.readline()
        assert "Forwarding from" in line, line
        yield int(line.split("127.0.0.1:")[1].split(" ")[0])
    finally:
        forward.terminate()
        forward.wait()


def redis(password: str | None = None) -> list[Object]:
    """A Redis server with its service."""
    labels = {"app": "redis"}
    arguments = ["--save", "", "--appendonly", "no", "--dir", "/tmp", "--protected-mode", "no"]
    if password:
        arguments += ["--requirepass", password]
    container = {
        "name": "redis",
        "image": "redis:7",
        "imagePullPolicy": "IfNotPresent",
        "args": ["redis-server", *arguments],
        "ports": [{"containerPort": 6379}],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
        # Without a share of its own it waits for the processor behind whatever starts.
        "resources": {"requests": {"cpu": "100m"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 1}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {"selector": labels, "ports": [{"port": 6379}]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "redis"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"}, "spec": service},
    ]


def queue(name: str, **spec: Any) -> Object:
    """A queue of the test functions; `spec` is merged over what every test wants."""
    whole: Object = {
        "broker": {"redis": {"url": "redis://redis:6379/0"}},
        "function": {"image": "prpc-function:dev", "app": "app:app", "imagePullPolicy": "IfNotPresent"},
        "worker": {"type": "thread", "concurrency": 4},
        "scaling": {"minReplicas": 1, "maxReplicas": 5},
    }
    for key, value in spec.items():
        whole[key] = {**whole.get(key, {}), **value} if isinstance(value, dict) and key != "broker" else value
    return {"apiVersion": "prpc.dev/v1alpha1", "kind": "PrpcQueue", "metadata": {"name": name}, "spec": whole}
