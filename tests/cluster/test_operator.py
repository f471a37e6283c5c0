"""The operator itself: killed, replaced, upgraded, removed; and what it may do."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from callers import Queue
from cluster import Namespace, Refused, kubectl, queue, wait_for

CHART = Path(__file__).resolve().parents[2] / "charts/prpc"
LEASE_SECONDS = 15


def holder(operator: Namespace) -> str:
    found: str = operator.get("lease", "prpc")["spec"].get("holderIdentity") or ""
    return found


def scaled(place: Namespace, name: str, replicas: int) -> None:
    place.kubectl("scale", f"pq/{name}", f"--replicas={replicas}")
    wait_for("the pods", lambda: place.get("pq", name)["status"]["readyReplicas"] == replicas, 2 * LEASE_SECONDS)


def test_another_replica_takes_over_when_the_leader_is_killed(
    operator: Namespace, place: Namespace, callers: type[Queue]
) -> None:
    place.apply(queue("served", scaling={"mode": "External", "maxReplicas": 5}))
    place.wait_ready("served")
    leader = holder(operator)
    operator.delete("pod", leader, "--grace-period=0", "--force")
    # Nothing changes for queues that run.
    assert callers("served").call("add", 1, 2) == 3
    wait_for("another leader", lambda: holder(operator) not in ("", leader), 2 * LEASE_SECONDS)
    scaled(place, "served", 2)


def test_a_leader_that_ends_in_order_hands_over_at_once(operator: Namespace, place: Namespace) -> None:
    leader = holder(operator)
    operator.delete("pod", leader, "--wait=false")
    wait_for("another leader", lambda: holder(operator) not in ("", leader), LEASE_SECONDS)
    scaled(place, "served", 1)
    operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=60s")


def test_a_queue_is_not_restarted_by_a_new_leader(operator: Namespace, place: Namespace) -> None:
    (pod,) = place.pods("served")
    operator.kubectl("rollout", "restart", "deploy/prpc")
    operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=60s")
    scaled(place, "served", 2)
    assert pod["metadata"]["name"] in [other["metadata"]["name"] for other in place.pods("served")]


ACCOUNT = "system:serviceaccount:prpc-system:prpc"
ALLOWED = {
    "prpcqueues.prpc.dev": "get list watch patch",
    "prpcqueues.prpc.dev/status": "patch",
    "deployments.apps": "get list watch create patch delete",
    "poddisruptionbudgets.policy": "create patch",
    "networkpolicies.networking.k8s.io": "get create patch delete",
    "pods": "list watch patch",
    "secrets": "get",
    "events.events.k8s.io": "create patch",
    "namespaces": "get",
}
VERBS = "get list watch create update patch delete deletecollection"
OTHERS = "configmaps services serviceaccounts nodes roles.rbac.authorization.k8s.io statefulsets.apps pods/exec"


@pytest.mark.parametrize("resource", [*ALLOWED, *OTHERS.split()])
def test_the_operator_may_do_what_it_needs_and_nothing_else(
    operator: Namespace, place: Namespace, resource: str
) -> None:
    def may(verb: str) -> bool:
        try:
            name, _, subresource = resource.partition("/")
            question = ["auth", "can-i", verb, name, f"--subresource={subresource}"]
            return kubectl(*question, "--as", ACCOUNT, "-n", place.name).strip() == "yes"
        except Refused:
            return False

    assert [verb for verb in VERBS.split() if may(verb)] == [
        verb for verb in VERBS.split() if verb in ALLOWED.get(resource, "").split()
    ]


def test_the_pages_tell_about_queues(operator: Namespace, place: Namespace) -> None:
    path = f"/api/v1/namespaces/{operator.name}/pods/{holder(operator)}:8080/proxy/metrics"
    label = f'namespace="{place.name}",queue="served"'
    wait_for("the metric", lambda: f"prpc_queue_replicas{{{label}}} 2" in kubectl("get", "--raw", path))


def test_the_release_passes_its_own_test(operator: Namespace) -> None:
    subprocess.run(["helm", "test", "prpc", "-n", operator.name, "--timeout", "60s"], check=True)


def test_queues_outlive_the_operator(operator: Namespace, place: Namespace, callers: type[Queue]) -> None:
    release = json.loads(
        subprocess.run(
            ["helm", "get", "values", "prpc", "-n", operator.name, "-o", "json"], capture_output=True, check=True
        ).stdout
    )
    subprocess.run(["helm", "uninstall", "prpc", "-n", operator.name, "--wait"], check=True)
    try:
        assert place.get("pq", "served")
        assert callers("served").call("add", 2, 2) == 4
    finally:
        subprocess.run(
            ["helm", "install", "prpc", str(CHART), "-n", operator.name, "-f", "-", "--wait", "--timeout", "120s"],
            input=json.dumps(release).encode(),
            check=True,
        )
    scaled(place, "served", 1)
