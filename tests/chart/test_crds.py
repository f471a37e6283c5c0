"""CRDs are templates, so that Helm upgrades them, and outlive the release."""

from __future__ import annotations

from chart import CHART, Helm, of_kind, read_yaml

CRD = "CustomResourceDefinition"
FILES = sorted((CHART / "files" / "crds").glob("*.yaml"))


def test_every_crd_is_rendered_as_it_was_generated(helm: Helm) -> None:
    rendered = {item["metadata"]["name"]: item["spec"] for item in of_kind(helm.template(), CRD)}
    generated = {crd["metadata"]["name"]: crd["spec"] for crd in map(read_yaml, FILES)}
    assert rendered == generated
    assert "prpcqueues.prpc.dev" in rendered


def test_crds_are_kept_with_their_queues_when_the_release_goes(helm: Helm) -> None:
    for crd in of_kind(helm.template(), CRD):
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert crd["metadata"]["labels"]["app.kubernetes.io/instance"] == "prpc"


def test_crds_go_with_the_release_on_demand(helm: Helm) -> None:
    for crd in of_kind(helm.template({"crds": {"keep": False}}), CRD):
        assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})


def test_crds_are_left_to_others_on_demand(helm: Helm) -> None:
    assert not of_kind(helm.template({"crds": {"enabled": False}}), CRD)


def test_annotations_that_a_generated_crd_has_are_kept(helm: Helm) -> None:
    objects = helm.template({"commonAnnotations": {"example.com/owner": "platform"}})
    for crd, generated in zip(of_kind(objects, CRD), map(read_yaml, FILES), strict=True):
        expected = generated["metadata"].get("annotations", {})
        expected |= {"example.com/owner": "platform", "helm.sh/resource-policy": "keep"}
        assert crd["metadata"]["annotations"] == expected
