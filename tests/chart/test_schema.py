"""Values that the chart does not know, or that cannot be right, are refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import CHART, Helm, Refused, of_kind


@pytest.mark.parametrize(
    "values",
    [
        {"replicaCount": 3},
        {"image": {"name": "prpc"}},
        {"watch": {"namespace": "shop"}},
        {"crds": {"install": True}},
        {"metrics": {"serviceMonitor": {"scrapeInterval": "30s"}}},
        {"networkPolicy": {"ingress": []}},
        {"extraEnv": [{"name": "A", "values": "b"}]},
    ],
    ids=str,
)
def test_an_unknown_value_is_refused_by_name(helm: Helm, values: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"(?i)additional properties? .*not allowed"):
        helm.template(values)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"replicas": -1}, "replicas"),
        ({"replicas": "two"}, "replicas"),
        ({"image": {"digest": "abc"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"watch": {"namespaces": ["Shop"]}}, "namespaces"),
        ({"watch": {"namespaces": ["shop", "shop"]}}, "namespaces"),
        ({"watch": {"namespaces": "shop"}}, "namespaces"),
        ({"fullnameOverride": "n" * 48}, "fullnameOverride"),
        ({"commonLabels": {"debug": True}}, "debug"),
        ({"metrics": {"podMonitor": {"interval": "often"}}}, "interval"),
        ({"extraEnv": [{"name": "PORT", "value": 8080}]}, "value"),
    ],
    ids=str,
)
def test_an_impossible_value_is_refused_by_name(helm: Helm, values: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused, match=where):
        helm.template(values)


def test_an_account_that_is_not_created_must_be_named(helm: Helm) -> None:
    with pytest.raises(Refused, match="needs the name of one"):
        helm.template({"serviceAccount": {"create": False}})


def test_the_chart_is_a_dependency_of_another_chart(helm: Helm, tmp_path: Path) -> None:
    dependency = {"name": "prpc", "version": "0.1.0", "condition": "prpc.enabled"}
    about = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [dependency]}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(about))
    shutil.copytree(CHART, tmp_path / "charts" / "prpc")

    def deployments(enabled: bool) -> int:
        values = {"global": {"region": "eu"}, "prpc": {"enabled": enabled}}
        return len(of_kind(helm.template(values, tmp_path), "Deployment"))

    assert [deployments(True), deployments(False)] == [1, 0]
