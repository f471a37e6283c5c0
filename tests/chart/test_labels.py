"""Labels and annotations of the user reach every object; the chart's own win."""

from __future__ import annotations

from chart import Helm, only

VALUES = {
    "commonLabels": {"team": "platform", "app.kubernetes.io/name": "shop"},
    "commonAnnotations": {"example.com/owner": "platform"},
    "podLabels": {"mesh": "on"},
    "podAnnotations": {"example.com/scrape": "true"},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}


def test_common_labels_and_annotations_are_on_every_object(helm: Helm) -> None:
    for item in helm.template(VALUES):
        metadata = item["metadata"]
        assert metadata["labels"]["team"] == "platform"
        assert metadata["annotations"]["example.com/owner"] == "platform"


def test_the_charts_own_labels_win(helm: Helm) -> None:
    assert {item["metadata"]["labels"]["app.kubernetes.io/name"] for item in helm.template(VALUES)} == {"prpc"}


def test_labels_and_annotations_of_pods_are_on_pods_only(helm: Helm) -> None:
    deployment = only(helm.template(VALUES), "Deployment")
    pod = deployment["spec"]["template"]["metadata"]
    assert (pod["labels"]["mesh"], pod["labels"]["team"]) == ("on", "platform")
    assert pod["annotations"]["example.com/scrape"] == "true"
    assert "mesh" not in deployment["metadata"]["labels"]


def test_a_new_version_of_the_chart_alone_does_not_restart_the_operator(helm: Helm) -> None:
    labels = only(helm.template(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels)
