"""One Kafka node in a namespace, for its pods, for the operator, and over a forwarded port for the tests."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import Namespace, Object, forwarded

OUTSIDE = 9094
"""The service's port whose clients are told to connect to this machine, where it is forwarded from."""

_COMMON = Path(__file__).parents[1] / "kafka/node.properties"


@contextmanager
def kafka_broker(namespace: Namespace) -> Iterator[str]:
    """Starts it as `kafka:9092`, and gives its address from here."""
    port = _free_port()
    namespace.apply(*kafka(namespace.name, port))
    namespace.kubectl("rollout", "status", "deploy/kafka", "--timeout=300s")
    with forwarded(namespace.name, "svc/kafka", OUTSIDE, port):
        yield f"127.0.0.1:{port}"


def kafka(namespace: str, here: int) -> list[Object]:
    """A Kafka node with its service, for tests that forward the port `here` of this machine to its port 9094.

    Kafka tells its clients where to connect, and tells those who come from outside something else. A name without its
    namespace would do for pods beside it, but not for the operator.
    """
    labels = {"app": "kafka"}
    ports = {"clients": 9092, "outside": OUTSIDE}
    properties = f"""{_COMMON.read_text()}
node.id=1
controller.quorum.voters=1@127.0.0.1:9095
listeners=CLIENTS://:9092,OUTSIDE://:{OUTSIDE},INTERNAL://127.0.0.1:9093,CONTROLLER://127.0.0.1:9095
advertised.listeners=CLIENTS://kafka.{namespace}.svc:9092,OUTSIDE://127.0.0.1:{here},INTERNAL://127.0.0.1:9093
listener.security.protocol.map=CLIENTS:PLAINTEXT,OUTSIDE:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/node/data
"""
    container = {
        "name": "kafka",
        "image": "prpc-kafka:dev",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port} for port in ports.values()],
        "readinessProbe": {"tcpSocket": {"port": 9092}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": "properties", "mountPath": "/node/server.properties", "subPath": "server.properties"}
        ],
    }
    pod = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "properties", "configMap": {"name": "kafka"}}],
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "Recreate"},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {"selector": labels, "ports": [{"name": name, "port": port} for name, port in ports.items()]}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kafka"},
            "data": {"server.properties": properties},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "kafka"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kafka"}, "spec": service},
    ]


def _free_port() -> int:
    # Below those that the kernel gives to whoever connects.
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", port)):
                return port
