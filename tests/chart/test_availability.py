"""One operator always stands by, and drains of nodes are not blocked."""

from __future__ import annotations

import pytest
from chart import Helm, of_kind, only

SELECTOR = {
    "app.kubernetes.io/name": "prpc",
    "app.kubernetes.io/instance": "prpc",
    "app.kubernetes.io/component": "operator",
}


def test_two_operators_run_and_a_change_takes_none_away(helm: Helm) -> None:
    spec = only(helm.template(), "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_a_disruption_budget_needs_more_than_one_operator(helm: Helm, replicas: int, budgets: int) -> None:
    assert len(of_kind(helm.template({"replicas": replicas}), "PodDisruptionBudget")) == budgets


def test_no_disruption_budget_on_demand(helm: Helm) -> None:
    assert not of_kind(helm.template({"podDisruptionBudget": {"enabled": False}}), "PodDisruptionBudget")


def test_operators_spread_over_nodes_but_start_where_there_is_only_one(helm: Helm) -> None:
    [spread] = only(helm.template(), "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread == {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": SELECTOR},
    }


def test_whatever_selects_operators_selects_their_pods_and_not_the_test(helm: Helm) -> None:
    objects = helm.template({"metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}})
    deployment = only(objects, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        only(objects, "Service")["spec"]["selector"],
        only(objects, "PodMonitor")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector == SELECTOR for selector in selectors)
    assert labels.items() >= SELECTOR.items()
    assert only(objects, "Service")["metadata"]["labels"].items() >= SELECTOR.items()
    assert not only(objects, "Pod")["metadata"]["labels"].items() >= SELECTOR.items()


def test_pods_go_where_the_values_send_them(helm: Helm) -> None:
    values = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    }
    pod = only(helm.template(values), "Deployment")["spec"]["template"]["spec"]
    assert pod.items() >= values.items()
