"""The operator, installed once with Helm, and a namespace with a Redis for each test file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from callers import Queue
from cluster import Namespace, forwarded, kubectl, wait_for
from installed import SYSTEM, install_operator, redis_namespace
from kafka_broker import kafka_broker


@pytest.fixture(scope="session", autouse=True)
def operator() -> Namespace:
    """The chart of this tree, with the images of this tree."""
    return install_operator()


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace that takes restricted pods only, with a Redis."""
    name = "e2e-" + request.module.__name__.removeprefix("test_").replace("_", "-")
    with redis_namespace(name) as namespace:
        yield namespace
        if request.session.testsfailed:
            print(namespace.kubectl("get", "pq,deploy,pods", "-o", "wide"))
            print(namespace.kubectl("get", "events", "--sort-by=.lastTimestamp"))
            print(kubectl("-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=prpc", "--tail=100", "--prefix"))


@pytest.fixture(scope="module")
def broker(place: Namespace) -> Iterator[str]:
    """The address of the namespace's Redis from here."""
    with forwarded(place.name, "svc/redis", 6379) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def kafka(place: Namespace) -> Iterator[str]:
    """A Kafka in the namespace, `kafka:9092` there; its address from here."""
    with kafka_broker(place) as address:
        yield address


@pytest.fixture
def callers(broker: str) -> type[Queue]:
    """Makes callers of queues on the namespace's Redis."""
    Queue.url = broker
    wait_for("the forwarded Redis", lambda: Queue("none").answers())
    return Queue
