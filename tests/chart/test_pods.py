"""Pods meet Pod Security "restricted" and hold no more than they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from chart import Helm, Object, environment, only, operator, pods, read_yaml
from test_variants import VARIANTS


def assert_restricted(pod: Object) -> None:
    """The rules of Pod Security "restricted" for what a pod of this chart can contain."""
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {kind for volume in pod.get("volumes", []) for kind in volume} <= {"name", "projected"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "runAsUser", "procMount"} & set(context)
        assert not any("hostPort" in port for port in container.get("ports", []))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_every_pod_is_restricted(helm: Helm, variant: Path) -> None:
    specs = list(pods(helm.template(read_yaml(variant))))
    assert len(specs) == 2
    for spec in specs:
        assert_restricted(spec)


def test_no_pod_runs_as_root_writes_to_its_image_or_learns_of_services(helm: Helm) -> None:
    for pod in pods(helm.template()):
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["enableServiceLinks"] is False
        assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in pod["containers"])


def test_the_token_is_mounted_for_the_operator_only_and_expires(helm: Helm) -> None:
    objects = helm.template()
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert all(pod["automountServiceAccountToken"] is False for pod in pods(objects))

    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    [volume] = pod["volumes"]
    token, authority, namespace = volume["projected"]["sources"]
    assert token["serviceAccountToken"] == {"path": "token", "expirationSeconds": 3600}
    assert authority["configMap"]["name"] == "kube-root-ca.crt"
    assert namespace["downwardAPI"]["items"][0]["path"] == "namespace"
    [mount] = operator(objects)["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert "volumes" not in only(objects, "Pod")["spec"]


def test_the_operator_is_told_what_it_needs(helm: Helm) -> None:
    assert environment(operator(helm.template())) == {
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "POD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
        "PRPC_WATCH_NAMESPACES": "",
        "PRPC_RUNTIME_IMAGE": "ghcr.io/prpc-dev/prpc-runtime:0.1.0",
        "PRPC_RUNTIME_IMAGE_PULL_POLICY": "IfNotPresent",
        "PRPC_RUNTIME_INJECTION": "InitContainer",
        "PRPC_PAGES_ADDRESS": "0.0.0.0:8080",
        "PRPC_LEASE_NAME": "prpc",
        "PRPC_LOG": "info",
    }


def test_the_watched_namespaces_are_named_to_the_operator(helm: Helm) -> None:
    objects = helm.template({"watch": {"namespaces": ["shop", "billing"]}})
    assert environment(operator(objects))["PRPC_WATCH_NAMESPACES"] == "shop,billing"


def test_arguments_and_variables_of_the_user_are_added(helm: Helm) -> None:
    objects = helm.template({"extraEnv": [{"name": "RUST_BACKTRACE", "value": "1"}], "extraArgs": ["--verbose"]})
    container = operator(objects)
    assert environment(container)["RUST_BACKTRACE"] == "1"
    assert environment(container)["PRPC_LOG"] == "info"
    assert container["args"] == ["--verbose"]


def test_every_container_states_its_resources(helm: Helm) -> None:
    for pod in pods(helm.template()):
        for container in pod["containers"]:
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert set(container["resources"]["limits"]) == {"memory"}


def test_health_is_probed_on_the_pages_of_the_operator(helm: Helm) -> None:
    container = operator(helm.template())
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    for probe, path in {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
