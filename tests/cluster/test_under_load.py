"""Updates and losses while calls come in: every call gets its answer."""

from __future__ import annotations

import json

from callers import Queue, load
from cluster import Namespace, Refused, kubectl, queue, wait_for

SCALING = {"minReplicas": 2, "maxReplicas": 4, "pollIntervalSeconds": 1}
DELIVERY = {"heartbeatInterval": "2s", "visibilityTimeout": "5s"}


def names(place: Namespace, name: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in place.pods(name)}


def test_an_update_of_the_image_loses_no_call_and_repeats_none(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("update", scaling=SCALING, delivery=DELIVERY))
    wait_for("two pods", lambda: place.get("pq", "update").get("status", {}).get("readyReplicas") == 2)
    caller, before = callers("update"), names(place, "update")
    with load(caller) as keys:
        place.patch("pq", "update", {"spec": {"function": {"image": "prpc-function:next"}}})
        wait_for("other pods", lambda: not before & names(place, "update"))
        place.kubectl("rollout", "status", "deploy/update-worker", "--timeout=300s")
    replies = caller.results(keys)
    assert [reply.exception_info for reply in replies if reply.exception_info] == []
    assert caller.redis.llen("update-executions") == len(keys)


def test_calls_of_a_pod_that_is_killed_run_again(place: Namespace, callers: type[Queue]) -> None:
    caller, before = callers("update"), names(place, "update")
    with load(caller) as keys:
        wait_for("calls", lambda: len(keys) > 100)
        place.delete("pod", min(before), "--grace-period=0", "--force")
        wait_for("another pod", lambda: len(names(place, "update") - {min(before)}) >= 2)
    replies = caller.results(keys)
    assert [reply.exception_info for reply in replies if reply.exception_info] == []


def test_a_pod_that_is_evicted_hands_its_calls_back(place: Namespace, callers: type[Queue]) -> None:
    caller, victim = callers("update"), min(names(place, "update"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": victim}}
    with load(caller) as keys:
        wait_for("calls", lambda: len(keys) > 100)
        path = f"/api/v1/namespaces/{place.name}/pods/{victim}/eviction"

        def evicted() -> bool:
            try:
                return bool(kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction)))
            except Refused as refused:
                # As long as another pod is missing; a drained node tries again too.
                assert "disruption budget" in str(refused)
                return False

        wait_for("the eviction", evicted)
        wait_for("another pod", lambda: victim not in names(place, "update"))
    replies = caller.results(keys)
    assert [reply.exception_info for reply in replies if reply.exception_info] == []
