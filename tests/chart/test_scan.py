"""checkov finds nothing in the default render that is not explained here."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from chart import TOOLS, Helm, run

OPERATOR = "Deployment.prpc-system.prpc"
TEST = "Pod.prpc-system.prpc-test"
EXPLAINED = {
    # CPU limit: the kernel throttles at a limit even on an idle node, and throttling delays the scaling of every queue.
    ("CKV_K8S_11", OPERATOR),
    ("CKV_K8S_11", TEST),
    # Image by digest: `image.digest` takes one. A digest is known only once a release is built.
    ("CKV_K8S_43", OPERATOR),
    ("CKV_K8S_43", TEST),
    # Pull policy Always: tags of releases do not move, and a registry that is away must not keep the operator down.
    ("CKV_K8S_15", OPERATOR),
    ("CKV_K8S_15", TEST),
    # Probes and a network policy of the test pod: it asks one page, ends, and listens on nothing.
    ("CKV_K8S_8", TEST),
    ("CKV_K8S_9", TEST),
    ("CKV2_K8S_6", TEST),
}


def test_the_policy_scan_finds_only_what_is_explained(helm: Helm, tmp_path: Path) -> None:
    render = tmp_path / "render.yaml"
    render.write_text(yaml.safe_dump_all(helm.template()))
    options = ("--framework", "kubernetes", "--output", "json", "--soft-fail", "--skip-download")
    report = json.loads(run(TOOLS / "checkov", "--file", render, *options))
    assert report["summary"]["passed"] > 150
    assert {(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]} == EXPLAINED
