"""What the API server refuses, with our words, before anything happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster import Namespace, Object, Refused, queue

KAFKA = {"bootstrapServers": ["k:1"]}
BAD_ENV = [{"name": "A-B", "value": "x"}]
CASES: list[tuple[Object, str]] = [
    ({"queueName": "raw_x"}, "must not begin with raw_"),
    ({"queueName": "two words"}, "spec.queueName"),
    ({"queueName": ""}, "spec.queueName"),
    ({"queueName": "q" * 201}, "spec.queueName"),
    ({"broker": {}}, "spec.broker"),
    ({"broker": {"redis": {}}}, "exactly one of url and urlSecretRef"),
    ({"broker": {"redis": {"url": "redis://:pw@redis"}}}, "belongs into a Secret"),
    ({"broker": {"redis": {"url": "http://redis:6379"}}}, "spec.broker.redis.url"),
    ({"broker": {"redis": {"url": "redis://a b"}}}, "spec.broker.redis.url"),
    ({"broker": {"redis": {"url": "redis://r", "urlSecretRef": {"name": "s", "key": "k"}}}}, "exactly one"),
    ({"broker": {"redis": {"urlSecretRef": {"name": "S", "key": "k"}}}}, "urlSecretRef.name"),
    ({"broker": {"redis": {"urlSecretRef": {"name": "s", "key": ""}}}}, "urlSecretRef.key"),
    ({"broker": {"redis": {"urlSecretRef": {"name": "s", "key": "k", "namespace": "other"}}}}, "namespace"),
    ({"broker": {"redis": {"url": "redis://r"}, "kafka": {"bootstrapServers": ["k:1"]}}}, "spec.broker"),
    ({"broker": {"kafka": {"bootstrapServers": []}}}, "bootstrapServers"),
    ({"broker": {"kafka": {"bootstrapServers": ["k"]}}}, "bootstrapServers"),
    ({"broker": {"kafka": KAFKA | {"security": {"sasl": {"mechanism": "PLAIN"}}}}}, "needs a user"),
    ({"broker": {"kafka": KAFKA | {"security": {"sasl": {"mechanism": "NTLM"}}}}}, "mechanism"),
    ({"broker": {"kafka": KAFKA | {"topics": {"partitions": 0}}}}, "partitions"),
    ({"function": {"image": None}}, "image is needed in a cluster"),
    ({"function": {"app": None}}, "spec.function.app"),
    ({"function": {"app": "orders"}}, "write module:attribute"),
    ({"function": {"app": "orders.main:app; rm -rf /"}}, "write module:attribute"),
    ({"function": {"imagePullPolicy": "Sometimes"}}, "imagePullPolicy"),
    ({"function": {"runtime": "Embed"}}, "runtime"),
    ({"worker": {"type": "fibre"}}, "spec.worker.type"),
    ({"worker": {"concurrency": 0}}, "spec.worker.concurrency"),
    ({"worker": {"concurrency": 10001}}, "spec.worker.concurrency"),
    ({"worker": {"type": "process", "concurrency": 65}}, "at most 64 processes"),
    ({"worker": {"timeout": "30"}}, "spec.worker.timeout"),
    ({"worker": {"timeout": 30}}, "spec.worker.timeout"),
    ({"worker": {"recycling": {"maxCalls": 0}}}, "maxCalls"),
    ({"delivery": {"maxAttempts": 0}}, "maxAttempts"),
    ({"delivery": {"visibilityTimeout": "20s"}}, "at least twice heartbeatInterval"),
    ({"delivery": {"heartbeatInterval": "30s", "visibilityTimeout": "45s"}}, "at least twice heartbeatInterval"),
    ({"scaling": {"minReplicas": -1}}, "minReplicas"),
    ({"scaling": {"minReplicas": 6}}, "must not be greater than maxReplicas"),
    ({"scaling": {"maxReplicas": 0}}, "maxReplicas"),
    ({"scaling": {"maxReplicas": 100000}}, "maxReplicas"),
    ({"scaling": {"mode": "Manual"}}, "scaling.mode"),
    ({"scaling": {"maxReplica": 5}}, "maxReplica"),
    ({"replicas": 6}, "must not be greater than scaling.maxReplicas"),
    ({"rollout": {"drainTimeout": "10s"}, "worker": {"timeout": "20s"}}, "must not be shorter than worker.timeout"),
    ({"deletionPolicy": "Purge"}, "confirm it with confirmPurge"),
    ({"deletionPolicy": "Keep"}, "deletionPolicy"),
    ({"podTemplate": {"labels": {"prpc.dev/queue": "x"}}}, "are set by the operator"),
    ({"podTemplate": {"env": [{"name": "PRPC_APP", "value": "x"}]}}, "begin with PRPC_"),
    ({"podTemplate": {"env": BAD_ENV}}, "env"),
    ({"podTemplate": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}}, "hostPath"),
    ({"podTemplate": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}}, "needs a volume of its name"),
    ({"podTemplate": {"securityContext": {"runAsUser": 0}}}, "runAsUser"),
    ({"podTemplate": {"hostNetwork": True}}, "hostNetwork"),
    ({"podTemplate": {"resources": {"limits": {"memory": "much"}}}}, "memory"),
]


@pytest.mark.parametrize(("change", "words"), CASES, ids=[json.dumps(change)[:60] for change, _ in CASES])
def test_what_cannot_work_is_refused(place: Namespace, change: Object, words: str) -> None:
    wrong = queue("wrong", **change)
    with pytest.raises(Refused) as refused:
        place.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(without_none(wrong)))
    assert words in str(refused.value)


def without_none(value: Any) -> Any:
    """What is set to None is left out."""
    if isinstance(value, dict):
        return {key: without_none(member) for key, member in value.items() if member is not None}
    return value


def test_a_name_that_pods_cannot_have_is_refused(place: Namespace) -> None:
    with pytest.raises(Refused, match="at most 52 characters"):
        place.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(queue("n" * 53)))


def test_what_may_not_change_is_refused(place: Namespace) -> None:
    place.apply(queue("fixed", paused=True))
    for change, words in [
        ({"queueName": "other"}, "queueName cannot be changed"),
        ({"broker": {"redis": None, "kafka": {"bootstrapServers": ["k:9092"]}}}, "kind of broker cannot be changed"),
    ]:
        with pytest.raises(Refused, match=words):
            place.patch("pq", "fixed", {"spec": change})


def test_every_field_is_explained(place: Namespace) -> None:
    text = place.kubectl("explain", "pq.spec.scaling.behavior.scaleDown.stabilizationWindowSeconds")
    assert "The highest number that was wanted in this time is kept" in text
