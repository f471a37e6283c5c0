"""Prometheus and Grafana are told of metrics that the operator has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from chart import CHART, TOOLS, Helm, Object, of_kind, only, read_yaml, run

METRICS = {
    "prpc_operator_reconcile_errors_total",
    "prpc_queue_backlog",
    "prpc_queue_broker_up",
    "prpc_queue_dead_letters",
    "prpc_queue_desired_replicas",
    "prpc_queue_oldest_age_seconds",
    "prpc_queue_ready",
    "prpc_queue_replicas",
}
ALERTS = CHART / "files" / "alerts.yaml"
DASHBOARD = CHART / "files" / "dashboard.json"


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bprpc_[a-z_]+", text))


def enabled(*names: str) -> dict[str, Any]:
    return {"metrics": {name: {"enabled": True} for name in names}}


def alerts() -> list[Object]:
    return [rule for group in read_yaml(ALERTS)["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]


def test_nothing_that_needs_other_products_is_installed_by_default(helm: Helm) -> None:
    objects = helm.template()
    assert not of_kind(objects, "ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap")


@pytest.mark.parametrize(
    ("value", "kind", "endpoints"),
    [("serviceMonitor", "ServiceMonitor", "endpoints"), ("podMonitor", "PodMonitor", "podMetricsEndpoints")],
)
def test_a_monitor_keeps_the_namespace_of_the_queue(helm: Helm, value: str, kind: str, endpoints: str) -> None:
    monitor = only(helm.template(enabled(value)), kind)
    assert monitor["spec"][endpoints] == [{"port": "http", "path": "/metrics", "interval": "30s", "honorLabels": True}]


def test_the_rule_object_holds_the_alerts_of_the_file(helm: Helm) -> None:
    assert only(helm.template(enabled("prometheusRule")), "PrometheusRule")["spec"] == read_yaml(ALERTS)


def test_promtool_accepts_the_alerts() -> None:
    run(TOOLS / "promtool", "check", "rules", ALERTS)


def test_every_alert_says_what_to_run() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert "kubectl " in rule["annotations"]["description"]


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    # What Kafka's retention took is nothing to look at over time: one is too many.
    assert metrics_in("".join(rule["expr"] for rule in alerts())) == METRICS | {"prpc_queue_lost_calls"}
    assert metrics_in("".join(queries())) == METRICS


def test_the_dashboard_is_found_by_the_sidecar_of_grafana(helm: Helm) -> None:
    config = only(helm.template(enabled("dashboard")), "ConfigMap")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(config["data"]["prpc.json"]) == json.loads(DASHBOARD.read_text())


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    run(TOOLS / "promtool", "check", "rules", path)
