"""Every variant of the values passes Helm's linter and renders objects that Kubernetes knows."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from chart import CHART, HERE, KUBERNETES, TOOLS, Helm, read_yaml, run

VARIANTS = sorted((HERE / "variants").glob("*.yaml"))
# Kinds of other products, which the schemas of Kubernetes do not describe.
FOREIGN = {"PodMonitor", "PrometheusRule", "PrpcQueue", "ServiceMonitor"}

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)


@each_variant
def test_the_linter_finds_nothing(helm: Helm, variant: Path) -> None:
    run(helm.program, "lint", "--strict", CHART, "--values", variant)


@each_variant
def test_the_objects_are_valid(helm: Helm, variant: Path) -> None:
    objects = helm.template(read_yaml(variant))
    assert objects
    for item in objects:
        if item["kind"] not in FOREIGN:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)


@each_variant
def test_no_two_objects_share_a_name(helm: Helm, variant: Path) -> None:
    names = [
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in helm.template(read_yaml(variant))
    ]
    assert len(names) == len(set(names))


@each_variant
def test_names_and_labels_are_short_enough(helm: Helm, variant: Path) -> None:
    for item in helm.template(read_yaml(variant)):
        metadata = item["metadata"]
        for text in (metadata["name"], *metadata.get("labels", {}).values()):
            assert len(text) <= 63, text


def test_both_helms_render_the_same() -> None:
    for variant in VARIANTS:
        values = read_yaml(variant)
        assert Helm(TOOLS / "helm3").template(values) == Helm(TOOLS / "helm4").template(values), variant.stem
