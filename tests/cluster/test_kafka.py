"""Queues on Kafka in the cluster: scaled up to the partitions, to zero and back, updated and killed under load."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from cluster import Namespace, queue, wait_for

sys.path.insert(0, str(Path(__file__).parents[1] / "product"))

from kafka_queue import KafkaQueue

QUICK = {"pollIntervalSeconds": 1, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}


def on_kafka(name: str, **spec: object) -> dict[str, object]:
    """A queue on the namespace's Kafka, with a group of its own."""
    broker = {"kafka": {"bootstrapServers": ["kafka:9092"], "topics": {"partitions": 3}}}
    made: dict[str, object] = queue(name, broker=broker, delivery={"consumerGroup": name}, **spec)
    return made


def caller(address: str, name: str) -> KafkaQueue:
    """One for a queue that is there."""
    return KafkaQueue(address, name, partitions=3)


def results(calls: KafkaQueue, sent: list[UUID], seconds: float = 300) -> list[object]:
    """Of all calls, each answered once."""
    found = [calls.result(call, seconds) for call in sent]
    assert [len(calls.replies(call)) for call in sent] == [1] * len(sent), "no call ran twice"
    return found


def test_a_queue_is_served_and_scaled_up_to_its_partitions(place: Namespace, kafka: str) -> None:
    place.apply(on_kafka("orders", scaling={"minReplicas": 1, "maxReplicas": 9, "backlogPerReplica": 20, **QUICK}))
    place.wait_ready("orders")
    calls = caller(kafka, "orders")
    assert calls.result(calls.send("add", 1, 2)) == 3
    # Five pods' work for ten seconds.
    sent = [calls.send("nap", 0.5) for _ in range(400)]
    wait_for("three pods", lambda: place.get("pq", "orders")["status"].get("desiredReplicas") == 3)
    # Three were enough for a moment, while calls still came.
    wait_for("a limit", lambda: place.condition("orders", "ScalingLimited")["reason"] == "PartitionCount")
    assert place.get("pq", "orders")["status"]["desiredReplicas"] == 3
    assert len(results(calls, sent)) == len(sent)
    wait_for("one pod", lambda: len(place.pods("orders")) == 1)


def test_a_queue_sleeps_and_wakes(place: Namespace, kafka: str) -> None:
    quick = {**QUICK, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    place.apply(on_kafka("sleepy", scaling={"minReplicas": 0, "maxReplicas": 2, "idleSeconds": 0, **quick}))
    place.wait_ready("sleepy", "ScaledToZero")
    calls = caller(kafka, "sleepy")
    for number in range(3):
        place.wait_ready("sleepy", "ScaledToZero")
        assert calls.result(calls.send("add", number, 1)) == number + 1
    assert {"WokenFromZero", "ScaledToZero"} <= set(place.events("sleepy"))


def names(place: Namespace) -> set[str]:
    """Of the pods that are updated and killed."""
    return {pod["metadata"]["name"] for pod in place.pods("rolling")}


def test_an_update_under_load_costs_no_call_and_repeats_none(place: Namespace, kafka: str) -> None:
    place.apply(on_kafka("rolling", scaling={"minReplicas": 2, "maxReplicas": 2}))
    wait_for("two pods", lambda: place.get("pq", "rolling").get("status", {}).get("readyReplicas") == 2)
    before = names(place)
    calls = caller(kafka, "rolling")
    sent = [calls.send("add", number, 0) for number in range(50)]
    place.kubectl("annotate", "pq/rolling", "test=1")
    place.apply(on_kafka("rolling", scaling={"minReplicas": 2, "maxReplicas": 2}, worker={"concurrency": 3}))

    def is_rolled() -> bool:
        sent.append(calls.send("add", len(sent), 0))
        now = names(place)
        return len(now) == 2 and not now & before

    wait_for("new pods", is_rolled)
    assert results(calls, sent) == list(range(len(sent)))


def test_a_pod_that_is_killed_costs_no_call(place: Namespace, kafka: str) -> None:
    calls = caller(kafka, "rolling")
    sent = [calls.send("add", number, 0) for number in range(30)]
    victim = min(names(place))
    place.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
    sent += [calls.send("add", number, 0) for number in range(30, 60)]
    assert [calls.result(call) for call in sent] == list(range(60))


def test_a_purged_queue_leaves_no_topic(place: Namespace, kafka: str) -> None:
    place.apply(
        on_kafka("gone", deletionPolicy="Purge", confirmPurge="gone", scaling={"minReplicas": 1, "maxReplicas": 1})
    )
    place.wait_ready("gone")
    calls = caller(kafka, "gone")
    assert any(name.endswith("_gone") for name in calls.admin.list_topics(timeout=60).topics)
    place.kubectl("delete", "pq/gone")
    wait_for("no topic", lambda: not any(n.endswith("_gone") for n in calls.admin.list_topics(timeout=60).topics))
