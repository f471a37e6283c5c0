"""Pods follow the backlog: up at once, down after the window, to zero and back, without losing or repeating a call."""

from __future__ import annotations

from pathlib import Path

from callers import Queue
from cluster import Namespace, queue, wait_for

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/cluster"
QUICK = {"pollIntervalSeconds": 1, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}}


def desired(place: Namespace, name: str) -> int:
    found: int = place.get("pq", name)["status"].get("desiredReplicas", -1)
    return found


def test_a_burst_gets_the_computed_number_of_pods_and_every_call_runs_once(
    place: Namespace, callers: type[Queue]
) -> None:
    place.apply(queue("burst", scaling={"minReplicas": 1, "maxReplicas": 4, "backlogPerReplica": 100, **QUICK}))
    place.wait_ready("burst")
    caller = callers("burst")
    keys = caller.send("record", "executions", 0.05, count=2000)
    wait_for("the computed number", lambda: desired(place, "burst") == 4)
    # Four were enough for a moment, while calls still came.
    wait_for("a limit", lambda: place.condition("burst", "ScalingLimited")["reason"] == "TooFewReplicas")
    replies = caller.results(keys)
    assert [reply for reply in replies if reply.exception_info] == []
    wait_for("fewer pods", lambda: desired(place, "burst") == 1)
    wait_for("one pod", lambda: len(place.pods("burst")) == 1)
    assert caller.redis.llen("executions") == 2000
    assert {"ScaledUp", "ScaledDown"} <= set(place.events("burst"))


def test_a_queue_sleeps_and_wakes_twenty_times(place: Namespace, callers: type[Queue]) -> None:
    quick = {**QUICK, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    place.apply(queue("sleepy", scaling={"minReplicas": 0, "maxReplicas": 2, "idleSeconds": 0, **quick}))
    caller = callers("sleepy")
    for number in range(20):
        place.wait_ready("sleepy", "ScaledToZero")
        assert caller.call("add", number, 1) == number + 1
    assert {"WokenFromZero", "ScaledToZero"} <= set(place.events("sleepy"))


def test_calls_in_work_are_finished_when_pods_are_taken_away(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("shrink", scaling={"mode": "External", "maxReplicas": 4}, replicas=4))
    wait_for("four pods", lambda: place.get("pq", "shrink").get("status", {}).get("readyReplicas") == 4)
    caller = callers("shrink")
    keys = caller.send("record", "slow", 5, count=16)
    wait_for("all in work", lambda: caller.redis.xpending("prpc_shrink", "prpc_group_consumers")["pending"] == 16)
    place.kubectl("scale", "pq/shrink", "--replicas=1")
    replies = caller.results(keys)
    assert [reply for reply in replies if reply.exception_info] == []
    assert caller.redis.llen("slow") == 16
    wait_for("one pod", lambda: len(place.pods("shrink")) == 1)


def test_somebody_else_may_decide(place: Namespace) -> None:
    place.apply(queue("external", scaling={"mode": "External", "maxReplicas": 4}))
    wait_for("a pod", lambda: place.get("pq", "external").get("status", {}).get("readyReplicas") == 1)
    place.kubectl("scale", "pq/external", "--replicas=3")
    wait_for("three pods", lambda: place.get("pq", "external")["status"]["readyReplicas"] == 3)
    assert place.condition("external", "ScalingActive")["reason"] == "External"
    # A HorizontalPodAutoscaler reads the number and the selector here.
    scale = place.kubectl("get", "--raw", f"/apis/prpc.dev/v1alpha1/namespaces/{place.name}/prpcqueues/external/scale")
    assert '"replicas":3' in scale
    assert "app.kubernetes.io/instance=external" in scale


def test_a_horizontal_pod_autoscaler_may_decide(place: Namespace) -> None:
    place.apply(queue("orders", scaling={"mode": "External", "maxReplicas": 10}))
    # Without a metrics server it knows the bounds only, which is enough to see that it reads and writes the number.
    place.kubectl("apply", "-f", str(EXAMPLES / "autoscaler.yaml"))
    wait_for("minReplicas of the autoscaler", lambda: len(place.pods("orders")) == 2)


def test_whoever_scales_the_deployment_is_overruled(place: Namespace) -> None:
    place.kubectl("scale", "deploy/external-worker", "--replicas=1")
    wait_for("three pods", lambda: place.get("deploy", "external-worker")["spec"]["replicas"] == 3)
