"""The operator itself: killed, replaced, upgraded, removed; and what it may do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml
from callers import Queue, load
from cluster import Namespace, Refused, kubectl, queue, wait_for

CHART = Path(__file__).resolve().parents[2] / "charts/prpc"
LEASE_SECONDS = 15


def holder(operator: Namespace) -> str:
    found: str = operator.get("lease", "prpc")["spec"].get("holderIdentity") or ""
    return found


def follows(operator: Namespace, leader: str) -> bool:
    """Whether there is another leader than this one."""
    return holder(operator) not in ("", leader)


def scaled(place: Namespace, name: str, replicas: int) -> None:
    place.kubectl("scale", f"pq/{name}", f"--replicas={replicas}")
    wait_for("the pods", lambda: place.get("pq", name)["status"]["readyReplicas"] == replicas)


def names(place: Namespace) -> set[str]:
    return {pod["metadata"]["name"] for pod in place.pods("served")}


def test_another_replica_takes_over_when_the_leader_is_killed(
    operator: Namespace, place: Namespace, callers: type[Queue]
) -> None:
    place.apply(queue("served", scaling={"mode": "External", "maxReplicas": 5}))
    place.wait_ready("served")
    leader = holder(operator)
    operator.delete("pod", leader, "--grace-period=0", "--force")
    # Nothing changes for queues that run.
    assert callers("served").call("add", 1, 2) == 3
    wait_for("another leader", lambda: follows(operator, leader), 2 * LEASE_SECONDS)
    scaled(place, "served", 2)


def test_a_leader_that_ends_in_order_hands_over_at_once(operator: Namespace, place: Namespace) -> None:
    leader = holder(operator)
    operator.delete("pod", leader, "--wait=false")
    wait_for("another leader", lambda: follows(operator, leader), LEASE_SECONDS)
    scaled(place, "served", 1)
    operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=300s")


def test_of_many_replicas_one_follows_a_leader_that_ends(operator: Namespace) -> None:
    operator.kubectl("scale", "deploy/prpc", "--replicas=6")
    operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=300s")
    for _ in range(3):
        leader = holder(operator)
        operator.delete("pod", leader)
        wait_for("another leader", partial(follows, operator, leader), LEASE_SECONDS)
        operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=300s")
    selector = "app.kubernetes.io/name=prpc"
    logs = operator.kubectl("logs", "-l", selector, "--tail=-1", "--prefix", "--max-log-requests=6")
    assert [line.split()[0] for line in logs.splitlines() if '"message":"leading"' in line] == [
        f"[pod/{holder(operator)}/prpc-operator]"
    ]
    # Who leads and finds out that another replica does ends.
    assert not any(
        status["restartCount"]
        for pod in operator.objects("pods", selector)
        for status in pod["status"]["containerStatuses"]
    )
    operator.kubectl("scale", "deploy/prpc", "--replicas=2")


def test_a_queue_is_not_restarted_by_a_new_leader(operator: Namespace, place: Namespace) -> None:
    pods = names(place)
    operator.kubectl("rollout", "restart", "deploy/prpc")
    operator.kubectl("rollout", "status", "deploy/prpc", "--timeout=300s")
    scaled(place, "served", 2)
    assert pods < names(place)


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


def helm(*arguments: str, stdin: str = "") -> str:
    """What Helm prints; it must succeed."""
    done = subprocess.run(["helm", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def test_the_release_passes_its_own_test_which_calls_a_queue(operator: Namespace, place: Namespace) -> None:
    place.wait_ready("served")
    url = f"redis://redis.{place.name}:6379/0"
    variables = [{"name": "PRPC_QUEUE_NAME", "value": "served"}, {"name": "PRPC_URL_BROKER", "value": url}]
    release = ["prpc", "-n", operator.name]
    helm("upgrade", *release, str(CHART), "--reuse-values", "--set-json", f"test.env={json.dumps(variables)}", "--wait")
    assert "Succeeded" in helm("test", *release, "--timeout", "300s")
    helm("upgrade", *release, str(CHART), "--reuse-values", "--set-json", "test.env=[]", "--wait")


def older_chart(folder: Path) -> Path:
    """A chart of a version before this one, whose definition has a field less."""
    shutil.copytree(CHART, folder)
    about = folder / "Chart.yaml"
    about.write_text(re.sub(r"^version: .*$", "version: 0.0.1", about.read_text(), flags=re.MULTILINE))
    path = folder / "files/crds/prpcqueues.yaml"
    definition = yaml.safe_load(path.read_text())
    [version] = definition["spec"]["versions"]
    del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["observability"]
    path.write_text(yaml.safe_dump(definition))
    return folder


def knows(field: str) -> bool:
    try:
        return bool(kubectl("explain", f"prpcqueues.spec.{field}"))
    except Refused:
        return False


def test_queues_outlive_the_operator_and_an_upgrade_of_it(
    operator: Namespace, place: Namespace, callers: type[Queue], tmp_path: Path
) -> None:
    release = ["prpc", "-n", operator.name]
    values = helm("get", "values", *release, "-o", "json")
    install = ["-f", "-", "--wait", "--timeout", "300s"]
    pods = names(place)
    helm("uninstall", *release, "--wait")
    try:
        assert callers("served").call("add", 2, 2) == 4
        helm("install", *release, str(older_chart(tmp_path / "chart")), *install, stdin=values)
        wait_for("the older definition", lambda: not knows("observability"))
        calls = callers("served")
        with load(calls) as keys:
            helm("upgrade", *release, str(CHART), *install, stdin=values)
            wait_for("the new definition", lambda: knows("observability"))
        assert [reply.exception_info for reply in calls.results(keys) if reply.exception_info] == []
        assert calls.redis.llen("served-executions") == len(keys), "no call ran twice"
    finally:
        helm("upgrade", "--install", *release, str(CHART), *install, stdin=values)
    assert names(place) == pods
    scaled(place, "served", 1)
