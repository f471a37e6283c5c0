"""What Helm prints after an installation is the next step, and a warning for each risk that was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import CHART, Helm, read_yaml

HELLO: dict[str, Any] = {
    "apiVersion": "prpc.dev/v1alpha1",
    "kind": "PrpcQueue",
    "metadata": {"name": "hello"},
    "spec": {
        "broker": {"redis": {"url": "redis://redis:6379/0"}},
        "function": {"image": "registry.example.com/hello:1.0.0", "app": "app:app"},
        "worker": {"type": "thread", "concurrency": 4},
        "scaling": {"minReplicas": 0, "maxReplicas": 10},
    },
}


def unknown(value: Any, schema: dict[str, Any]) -> list[str]:
    """Fields that an API server would drop, and values of enumerations that it would refuse."""
    if not isinstance(value, dict):
        return [] if value in schema.get("enum", [value]) else [f"={value}"]
    known = schema.get("properties", {})
    return [
        f".{name}{deeper}"
        for name, child in value.items()
        for deeper in (unknown(child, known[name]) if name in known else [" is unknown"])
    ]


def warnings(notes: str) -> list[str]:
    return [line.split()[1].rstrip(":") for line in notes.splitlines() if line.startswith("WARNING")]


def test_the_manifest_in_the_notes_is_a_queue(helm: Helm, tmp_path: Path) -> None:
    notes = helm.notes({}, tmp_path)
    command, _, rest = notes.partition("<<'EOF'\n")
    assert command.endswith("kubectl apply -n default -f - ")
    assert yaml.safe_load(rest.partition("\nEOF\n")[0]) == HELLO


def test_the_crd_knows_every_field_of_the_manifest() -> None:
    [version] = read_yaml(CHART / "files" / "crds" / "prpcqueues.yaml")["spec"]["versions"]
    assert unknown(HELLO["spec"], version["schema"]["openAPIV3Schema"]["properties"]["spec"]) == []


def test_artifact_hub_shows_the_same_manifest() -> None:
    examples = read_yaml(CHART / "Chart.yaml")["annotations"]["artifacthub.io/crdsExamples"]
    assert yaml.safe_load(examples) == [HELLO]


def test_the_notes_say_what_runs_and_how_to_watch_it(helm: Helm, tmp_path: Path) -> None:
    notes = helm.notes({}, tmp_path)
    assert notes.startswith("PRPC 0.1.0 runs as prpc in the namespace prpc-system and serves all namespaces.\n")
    assert "kubectl get prpcqueues -n default -w" in notes
    assert "kubectl describe prpcqueue hello -n default" in notes


def test_commands_in_the_notes_use_a_namespace_that_is_served(helm: Helm, tmp_path: Path) -> None:
    notes = helm.notes({"watch": {"namespaces": ["shop", "billing"]}}, tmp_path)
    assert "serves the namespaces shop, billing." in notes
    assert notes.count("-n shop") == 3
    assert "-n default" not in notes


@pytest.mark.parametrize(
    ("crds", "words"),
    [
        ({}, "The CRDs are installed and stay"),
        ({"keep": False}, "The CRDs are installed.\n"),
        ({"enabled": False}, "The CRDs are not installed"),
    ],
    ids=["kept", "not kept", "not installed"],
)
def test_the_notes_say_what_happens_to_crds(helm: Helm, tmp_path: Path, crds: dict[str, Any], words: str) -> None:
    notes = helm.notes({"crds": crds}, tmp_path)
    assert words in notes
    assert ("--take-ownership" in notes) == (not crds)


@pytest.mark.parametrize(
    ("values", "risks"),
    [
        ({}, []),
        ({"watch": {"namespaces": []}}, ["watch.namespaces"]),
        ({"replicas": 1}, ["replicas=1"]),
        ({"networkPolicy": {"enabled": False}}, ["networkPolicy.enabled=false"]),
        ({"crds": {"keep": False}}, ["crds.keep=false"]),
        ({"rbac": {"create": False}}, ["rbac.create=false"]),
        (
            {"metrics": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
            ["metrics.serviceMonitor"],
        ),
    ],
    ids=str,
)
def test_every_risk_that_was_chosen_is_one_warning(
    helm: Helm, tmp_path: Path, values: dict[str, Any], risks: list[str]
) -> None:
    assert warnings(helm.notes({"watch": {"namespaces": ["shop"]}} | values, tmp_path)) == risks
