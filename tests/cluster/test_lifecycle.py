"""Pausing, deleting, and namespaces that go."""

from __future__ import annotations

from functools import partial

from callers import Queue
from cluster import Namespace, kubectl, queue, redis, wait_for


def exists(place: Namespace, kind: str, name: str) -> bool:
    return bool(place.kubectl("get", kind, name, "--ignore-not-found"))


def is_gone(place: Namespace, kind: str, name: str) -> bool:
    return not exists(place, kind, name)


def test_a_paused_queue_keeps_its_calls(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("pause"))
    place.wait_ready("pause")
    place.patch("pq", "pause", {"spec": {"paused": True}})
    place.wait_ready("pause", "Paused")
    wait_for("no pods", lambda: not place.all_pods("pause"))
    caller = callers("pause")
    keys = caller.send("add", 1, 2, count=3)
    wait_for("the backlog", lambda: place.get("pq", "pause")["status"]["backlog"]["outstanding"] == 3)
    assert not place.pods("pause")
    place.patch("pq", "pause", {"spec": {"paused": False}})
    assert [reply.result for reply in caller.results(keys)] == [3, 3, 3]


def test_everything_goes_with_the_queue_and_calls_stay_on_the_broker(place: Namespace, callers: type[Queue]) -> None:
    caller = callers("pause")
    place.patch("pq", "pause", {"spec": {"paused": True}})
    wait_for("no pods", lambda: not place.all_pods("pause"))
    caller.send("add", 1, 2)
    place.delete("pq", "pause")
    for kind in ("deploy", "pdb"):
        wait_for(f"no {kind}", partial(is_gone, place, kind, "pause-worker"))
    assert caller.redis.xlen("prpc_pause") == 1


def test_a_queue_is_drained_before_it_goes(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("drain", deletionPolicy="Drain"))
    place.wait_ready("drain")
    caller = callers("drain")
    keys = caller.send("nap", 1, count=12)
    place.delete("pq", "drain", "--timeout=300s")
    assert len(caller.results(keys)) == 12


def test_a_queue_is_purged_if_that_is_confirmed(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("purge", deletionPolicy="Purge", confirmPurge="purge", paused=True))
    place.wait_ready("purge", "Paused")
    caller = callers("purge")
    caller.send("add", 1, 2)
    place.delete("pq", "purge", "--timeout=300s")
    assert not caller.redis.exists("prpc_purge")
    assert "BrokerObjectsPurged" in place.events("purge")


def test_a_namespace_goes_whatever_its_queues_want() -> None:
    name = "e2e-going"
    kubectl("create", "namespace", name)
    going = Namespace(name)
    going.apply(*redis(), queue("stuck", deletionPolicy="Drain", function={"app": "nothing:app"}))
    going.wait_ready("stuck", "AppImportFailed")
    kubectl("delete", "namespace", name, "--timeout=300s")


def test_what_was_changed_by_hand_is_repaired(place: Namespace) -> None:
    place.apply(queue("drift", networkPolicy={"mode": "Managed"}))
    place.wait_ready("drift")
    place.patch("deploy", "drift-worker", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}})

    def grace() -> int:
        found: int = place.get("deploy", "drift-worker")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        return found

    wait_for("the repaired Deployment", lambda: grace() == 35)
    place.delete("deploy", "drift-worker")
    wait_for("the Deployment", lambda: exists(place, "deploy", "drift-worker"))
    assert exists(place, "networkpolicy", "drift-worker")
    place.patch("pq", "drift", {"spec": {"networkPolicy": {"mode": "None"}}})
    wait_for("no policy", lambda: not exists(place, "networkpolicy", "drift-worker"))
