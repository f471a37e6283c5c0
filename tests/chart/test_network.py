"""Who may talk to the operator, and to whom it may talk."""

from __future__ import annotations

from typing import Any

from chart import Helm, of_kind, only

DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}


def test_only_the_http_port_is_open_and_the_operator_reaches_brokers_anywhere(helm: Helm) -> None:
    spec = only(helm.template(), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert spec["egress"] == [{}]


def test_ingress_is_closed_to_all_but_the_listed(helm: Helm) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    [rule] = only(helm.template({"networkPolicy": {"ingressFrom": peers}}), "NetworkPolicy")["spec"]["ingress"]
    assert rule["from"] == peers
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_egress_is_closed_to_all_but_dns_and_the_listed(helm: Helm) -> None:
    rules: list[dict[str, Any]] = [{"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 6443}]}]
    spec = only(helm.template({"networkPolicy": {"egress": rules}}), "NetworkPolicy")["spec"]
    assert spec["egress"] == [DNS, *rules]


def test_no_network_policy_on_demand(helm: Helm) -> None:
    assert not of_kind(helm.template({"networkPolicy": {"enabled": False}}), "NetworkPolicy")
