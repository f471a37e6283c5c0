"""What tests and benchmarks begin with: the operator, installed with Helm, and namespaces with a Redis."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import Namespace, kubectl, redis

ROOT = Path(__file__).resolve().parents[2]

SYSTEM = "prpc-system"
VALUES = ["image.registry=", "image.repository=prpc-operator", "image.tag=dev", "image.pullPolicy=IfNotPresent"]
VALUES += ["runtimeImage.registry=", "runtimeImage.repository=prpc-runtime", "runtimeImage.tag=dev"]


def install_operator(*values: str) -> Namespace:
    """The chart of this tree, with the images of this tree and values of one's own."""
    settings = [part for value in (*VALUES, *values) for part in ("--set", value)]
    # Another build of an image has the same name: only new pods take it.
    settings += ["--set", f"podAnnotations.build={built()}"]
    command = ["helm", "upgrade", "--install", "prpc", str(ROOT / "charts/prpc"), "-n", SYSTEM, "--create-namespace"]
    subprocess.run([*command, *settings, "--wait", "--timeout", "300s"], check=True)
    return Namespace(SYSTEM)


def built() -> str:
    """What tells one build of the images from another."""
    images = ["prpc-operator:dev", "prpc-runtime:dev"]
    command = ["docker", "image", "inspect", "--format", "{{slice .Id 7 19}}", *images]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.replace("\n", "-").strip("-")


@contextmanager
def mounting_operator() -> Iterator[None]:
    """For so long the operator mounts the runtime's image into pods instead of copying the runtime."""
    install_operator("runtimeInjection=ImageVolume")
    try:
        yield
    finally:
        install_operator()


@contextmanager
def redis_namespace(name: str) -> Iterator[Namespace]:
    """A namespace that takes restricted pods only, with a Redis."""
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    namespace = Namespace(name)
    namespace.apply(*redis())
    namespace.kubectl("rollout", "status", "deploy/redis", "--timeout=300s")
    try:
        yield namespace
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
