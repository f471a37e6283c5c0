"""Names of images."""

from __future__ import annotations

from typing import Any

import pytest
from chart import CHART, Helm, environment, only, operator, pods, read_yaml

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "ghcr.io/prpc-dev/{}:0.1.0"),
        ({"tag": "1.2.3"}, "ghcr.io/prpc-dev/{}:1.2.3"),
        ({"digest": DIGEST}, "ghcr.io/prpc-dev/{}@" + DIGEST),
        ({"tag": "1.2.3", "digest": DIGEST}, "ghcr.io/prpc-dev/{}@" + DIGEST),
        ({"registry": ""}, "prpc-dev/{}:0.1.0"),
        ({"registry": "localhost:5000"}, "localhost:5000/prpc-dev/{}:0.1.0"),
    ],
    ids=["defaults", "tag", "digest", "digest wins over tag", "no registry", "registry"],
)
def test_an_image_is_named_by_registry_and_digest_or_tag(helm: Helm, image: dict[str, Any], name: str) -> None:
    container = operator(helm.template({"image": image, "runtimeImage": image}))
    assert container["image"] == name.format("prpc-operator")
    assert environment(container)["PRPC_RUNTIME_IMAGE"] == name.format("prpc-runtime")


def test_pull_policies_and_secrets_are_passed_on(helm: Helm) -> None:
    secrets = [{"name": "registry"}]
    objects = helm.template(
        {
            "image": {"pullPolicy": "Always"},
            "runtimeImage": {"pullPolicy": "Never"},
            "imagePullSecrets": secrets,
        }
    )
    assert operator(objects)["imagePullPolicy"] == "Always"
    assert environment(operator(objects))["PRPC_RUNTIME_IMAGE_PULL_POLICY"] == "Never"
    assert all(pod["imagePullSecrets"] == secrets for pod in pods(objects))


def test_the_test_of_a_release_asks_its_operator_through_the_service(helm: Helm) -> None:
    objects = helm.template({"service": {"port": 80}})
    pod = only(objects, "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [container] = pod["spec"]["containers"]
    assert container["image"] == operator(objects)["image"]
    assert container["args"] == ["probe", "http://prpc:80/ready"]


def test_artifact_hub_is_told_of_the_images_that_are_rendered(helm: Helm) -> None:
    told = read_yaml(CHART / "Chart.yaml")["annotations"]["artifacthub.io/images"]
    container = operator(helm.template())
    for image in (container["image"], environment(container)["PRPC_RUNTIME_IMAGE"]):
        assert f"image: {image}\n" in told
