"""Every alert fires for a queue that is in trouble, and for no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chart import CHART, TOOLS, read_yaml, run

ALERTS = CHART / "files" / "alerts.yaml"
UP = {'up{container="prpc-operator"}': "1x40"}
WAITING = 'prpc_queue_backlog{state="undelivered",Q}'
IN_FLIGHT = 'prpc_queue_backlog{state="in_flight",Q}'
RUNNING, WANTED = "prpc_queue_replicas{Q}", "prpc_queue_desired_replicas{Q}"

Series = dict[str, str]

# A sample a minute for forty minutes, in promtool's notation: of a queue in trouble, and of queues that are not.
CASES: dict[str, tuple[Series, list[Series]]] = {
    "PrpcQueueBacklogOld": (
        {"prpc_queue_oldest_age_seconds{Q}": "61x40"},
        [{"prpc_queue_oldest_age_seconds{Q}": "60x40"}, {"prpc_queue_oldest_age_seconds{Q}": "0x36 99x4"}],
    ),
    "PrpcQueueBacklogNotDraining": (
        {WAITING: "1+1x40", IN_FLIGHT: "4x40"},
        [{WAITING: "40-1x40", IN_FLIGHT: "4x40"}, {WAITING: "9x40"}, {WAITING: "0x30 1+1x10"}],
    ),
    "PrpcQueueNoWorkers": (
        {WAITING: "5x40", RUNNING: "0x40"},
        [
            {WAITING: "5x40", RUNNING: "1x40"},
            {WAITING: "0x40", RUNNING: "0x40"},
            {WAITING: "0x37 5x3", RUNNING: "0x40"},
        ],
    ),
    "PrpcQueueWorkersMissing": (
        {RUNNING: "2x40", WANTED: "3x40"},
        [{RUNNING: "3x40", WANTED: "3x40"}, {RUNNING: "3x40", WANTED: "1x40"}, {RUNNING: "2x40", WANTED: "2x30 3x10"}],
    ),
    "PrpcQueueDeadLettersGrowing": (
        {"prpc_queue_dead_letters{Q}": "5x30 6x10"},
        [{"prpc_queue_dead_letters{Q}": "5x40"}, {"prpc_queue_dead_letters{Q}": "5x30 0x10"}],
    ),
    "PrpcQueueCallsLost": (
        {"prpc_queue_lost_calls{Q}": "0x30 4x10"},
        [{"prpc_queue_lost_calls{Q}": "0x40"}],
    ),
    "PrpcQueueBrokerDown": (
        {"prpc_queue_broker_up{Q}": "1x30 0x10"},
        [{"prpc_queue_broker_up{Q}": "1x40"}, {"prpc_queue_broker_up{Q}": "1x39 0"}],
    ),
    "PrpcQueueNotReady": (
        {"prpc_queue_ready{Q}": "0x40"},
        [{"prpc_queue_ready{Q}": "1x40"}, {"prpc_queue_ready{Q}": "1x30 0x10"}],
    ),
}


def of_queue(series: Series) -> Series:
    return {name.replace("Q}", 'namespace="shop",queue="orders"}'): values for name, values in series.items()}


def assert_firing(series: Series, folder: Path, *alerts: str) -> None:
    """These alerts fire after forty minutes, no other, and they are labelled."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname, namespace, queue) (ALERTS{alertstate="firing"})',
                "eval_time": "40m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in alerts],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [test]}))
    run(TOOLS / "promtool", "test", "rules", path)


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_for_a_queue_in_trouble(alert: str, tmp_path: Path) -> None:
    labels = f'{{alertname="{alert}", namespace="shop", queue="orders"}}'
    assert_firing(UP | of_queue(CASES[alert][0]), tmp_path, labels)


@pytest.mark.parametrize(
    ("alert", "number"), [(alert, number) for alert, (_, calm) in CASES.items() for number in range(len(calm))]
)
def test_an_alert_is_silent_for_a_queue_that_is_well(alert: str, number: int, tmp_path: Path) -> None:
    assert_firing(UP | of_queue(CASES[alert][1][number]), tmp_path)


@pytest.mark.parametrize(
    ("errors", "alerts"),
    [
        ("0 1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4", ['{alertname="PrpcOperatorReconcileErrors"}']),
        ("3x40", []),
        ("0x30 9x10", []),
    ],
)
def test_an_alert_fires_when_errors_of_the_operator_do_not_end(errors: str, alerts: list[str], tmp_path: Path) -> None:
    assert_firing(UP | {'prpc_operator_reconcile_errors_total{reason="Apply"}': errors}, tmp_path, *alerts)


@pytest.mark.parametrize(
    ("up", "alerts"), [("1x30 0x10", ['{alertname="PrpcOperatorDown"}']), ("1x37 0x3", []), ("1x40", [])]
)
def test_an_alert_fires_when_no_operator_is_up(up: str, alerts: list[str], tmp_path: Path) -> None:
    assert_firing({'up{container="prpc-operator"}': up}, tmp_path, *alerts)


def test_every_alert_has_cases() -> None:
    names = {rule["alert"] for group in read_yaml(ALERTS)["groups"] for rule in group["rules"]}
    assert names == {*CASES, "PrpcOperatorDown", "PrpcOperatorReconcileErrors"}
