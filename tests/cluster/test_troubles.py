"""Whatever goes wrong says so at the queue, with the next step, and goes on by itself when it is mended."""

from __future__ import annotations

import base64
from functools import partial

from callers import Queue
from cluster import Namespace, queue, redis, wait_for


def secret(name: str, url: str) -> dict[str, object]:
    data = {"url": base64.b64encode(url.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def from_secret(name: str) -> dict[str, object]:
    return {"redis": {"urlSecretRef": {"name": name, "key": "url"}}}


def unreachable(place: Namespace, name: str) -> bool:
    return bool(place.condition(name, "BrokerReachable")["status"] == "False")


def test_an_image_that_cannot_be_pulled(place: Namespace) -> None:
    place.apply(queue("image", function={"image": "prpc-function:none", "imagePullPolicy": "Never"}))
    condition = place.wait_ready("image", "ImagePullFailed")
    assert "prpc-function:none" in condition["message"]
    assert "spec.function.image" in condition["message"]
    assert "ImagePullFailed" in place.events("image")


def test_a_program_that_cannot_be_imported(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("import", function={"app": "nothing:app"}))
    condition = place.wait_ready("import", "AppImportFailed")
    assert "No module named 'nothing'" in condition["message"]
    place.patch("pq", "import", {"spec": {"function": {"app": "app:app"}}})
    place.wait_ready("import")


def test_pods_that_fit_on_no_node(place: Namespace) -> None:
    place.apply(queue("large", podTemplate={"resources": {"requests": {"memory": "900Gi"}}}))
    assert "memory" in place.wait_ready("large", "Unschedulable")["message"]


def test_a_call_that_takes_all_memory_is_told_and_the_pod_goes_on(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("hungry", podTemplate={"resources": {"limits": {"memory": "256Mi"}}}))
    place.wait_ready("hungry")
    caller = callers("hungry")
    (reply,) = caller.results(caller.send("eat"))
    assert "ended before the pod's memory was used up" in str(reply.exception_info)
    assert caller.call("add", 1, 1) == 2
    (pod,) = place.pods("hungry")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_secret_that_is_added_later(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("later", broker=from_secret("later")))
    condition = place.wait_ready("later", "SecretMissing")
    assert "later does not exist" in condition["message"]
    place.apply(secret("later", "redis://redis:6379/0"))
    place.wait_ready("later")
    assert callers("later").call("add", 1, 1) == 2


def test_a_secret_that_changes_rolls_the_pods(place: Namespace, callers: type[Queue]) -> None:
    wait_for("one pod", lambda: len(place.pods("later")) == 1)
    before = place.pods("later")[0]["metadata"]["name"]
    place.apply(secret("later", "redis://redis:6379/1"))
    wait_for("other pods", lambda: before not in [pod["metadata"]["name"] for pod in place.pods("later")])
    place.wait_ready("later")


def test_a_wrong_password(place: Namespace) -> None:
    locked = redis("s3cret")
    for part in locked:
        part["metadata"] = {"name": "locked"}
        labels = {"app": "locked"}
        if part["kind"] == "Service":
            part["spec"]["selector"] = labels
        else:
            part["spec"]["selector"]["matchLabels"] = part["spec"]["template"]["metadata"]["labels"] = labels
    place.apply(*locked, secret("password", "redis://:wrong@locked:6379/0"))
    place.apply(queue("password", broker=from_secret("password")))
    condition = place.wait_ready("password", "AuthenticationFailed")
    assert "Correct user and password" in condition["message"]
    everything = place.kubectl("get", "pq,deploy,events", "-o", "yaml")
    assert "wrong@" not in everything
    place.apply(secret("password", "redis://:s3cret@locked:6379/0"))
    place.wait_ready("password")
    # Pods that start again have the new password at once, the operator with its next pass.
    wait_for("it is told", lambda: place.condition("password", "BrokerReachable")["status"] == "True")


def test_a_broker_that_is_away_changes_no_number_of_pods(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("awake", scaling={"minReplicas": 0, "maxReplicas": 3, "pollIntervalSeconds": 1}))
    place.apply(
        queue("asleep", scaling={"minReplicas": 0, "maxReplicas": 3, "idleSeconds": 0, "pollIntervalSeconds": 1})
    )
    place.wait_ready("asleep", "ScaledToZero")
    callers("awake").call("add", 1, 1)
    place.wait_ready("awake")
    place.kubectl("scale", "deploy/redis", "--replicas=0")
    for name in ("awake", "asleep"):
        wait_for("it is told", partial(unreachable, place, name))
        assert place.condition(name, "ScalingActive")["reason"] == "BacklogUnknown"
    assert len(place.pods("awake")) == 1
    assert len(place.pods("asleep")) == 0
    place.kubectl("scale", "deploy/redis", "--replicas=1")
    place.wait_ready("asleep", "ScaledToZero")
    place.wait_ready("awake")
