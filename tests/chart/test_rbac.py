"""The operator has exactly these rights, and people get theirs through view, edit and admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from chart import Helm, Object, of_kind

RIGHTS = {
    "prpc.dev/prpcqueues": "get list watch patch",
    "prpc.dev/prpcqueues/status": "patch",
    "apps/deployments": "get list watch create patch delete",
    "policy/poddisruptionbudgets": "create patch",
    "networking.k8s.io/networkpolicies": "get create patch delete",
    "/pods": "list watch patch",
    "/secrets": "get",
    "events.k8s.io/events": "create patch",
}
POD_MONITORS = {"monitoring.coreos.com/podmonitors": "get create patch delete"}
NAMESPACES = {"/namespaces": "get"}
LEASES = {"coordination.k8s.io/leases": "get create patch"}

QUEUES = "prpc.dev/prpcqueues"
VIEW = dict.fromkeys((QUEUES, f"{QUEUES}/status", f"{QUEUES}/scale"), "get list watch")
EDIT = dict.fromkeys((QUEUES, f"{QUEUES}/scale"), "create update patch delete deletecollection")

Rights = dict[str, set[str]]


def words(rights: dict[str, str]) -> Rights:
    return {resource: set(verbs.split()) for resource, verbs in rights.items()}


def granted(role: Object) -> Rights:
    """The rights of a role by resource, however its rules are cut."""
    rights: Rights = {}
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                rights.setdefault(f"{group}/{resource}", set()).update(rule["verbs"])
    return rights


def bound(objects: Iterable[Object]) -> dict[str, Rights]:
    """The rights of the operator's account by namespace, `*` for the cluster."""
    objects = list(objects)
    roles = {
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): granted(item)
        for item in of_kind(objects, "Role", "ClusterRole")
    }
    rights: dict[str, Rights] = {}
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "prpc", "namespace": "prpc-system"}]
        namespace = binding["metadata"].get("namespace")
        ref = binding["roleRef"]
        role = roles[ref["kind"], namespace if ref["kind"] == "Role" else None, ref["name"]]
        rights.setdefault(namespace or "*", {}).update(role)
    return rights


def test_cluster_wide_rights_are_exactly_the_list(helm: Helm) -> None:
    assert bound(helm.template()) == {"*": words(RIGHTS | NAMESPACES), "prpc-system": words(LEASES)}


def test_namespaced_rights_are_exactly_the_list_and_nothing_cluster_wide(helm: Helm) -> None:
    objects = helm.template({"watch": {"namespaces": ["shop", "billing"]}})
    assert bound(objects) == {"shop": words(RIGHTS), "billing": words(RIGHTS), "prpc-system": words(LEASES)}


def test_the_operators_own_namespace_may_be_among_those_watched(helm: Helm) -> None:
    objects = helm.template({"watch": {"namespaces": ["prpc-system"]}})
    assert bound(objects) == {"prpc-system": words(RIGHTS | LEASES)}


@pytest.mark.parametrize(("namespaces", "where", "more"), [([], "*", NAMESPACES), (["shop"], "shop", {})])
def test_pod_monitors_are_granted_only_on_demand(
    helm: Helm, namespaces: list[str], where: str, more: dict[str, str]
) -> None:
    objects = helm.template({"watch": {"namespaces": namespaces, "podMonitors": True}})
    assert bound(objects)[where] == words(RIGHTS | POD_MONITORS | more)


@pytest.mark.parametrize("namespaces", [[], ["shop"]], ids=["cluster", "namespaced"])
def test_no_role_has_a_wildcard_or_more_than_get_on_secrets(helm: Helm, namespaces: list[str]) -> None:
    for role in of_kind(helm.template({"watch": {"namespaces": namespaces}}), "Role", "ClusterRole"):
        for resource, verbs in granted(role).items():
            assert "*" not in resource + "".join(verbs)
            assert verbs == {"get"} or "secrets" not in resource


def test_people_get_rights_on_queues_through_view_edit_and_admin(helm: Helm) -> None:
    roles = {item["metadata"]["name"]: item for item in of_kind(helm.template(), "ClusterRole")}

    def aggregated(role: Object) -> set[str]:
        labels: dict[str, Any] = role["metadata"]["labels"]
        return {key.rpartition("-")[2] for key in labels if "aggregate-to-" in key}

    assert (granted(roles["prpc-view"]), aggregated(roles["prpc-view"])) == (words(VIEW), {"view", "edit", "admin"})
    assert (granted(roles["prpc-edit"]), aggregated(roles["prpc-edit"])) == (words(EDIT), {"edit", "admin"})


def test_no_role_is_created_where_rights_are_given_otherwise(helm: Helm) -> None:
    objects = helm.template({"rbac": {"create": False, "aggregateRoles": False}})
    assert not of_kind(objects, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
