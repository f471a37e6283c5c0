"""Every test that takes `helm` runs with Helm 3 and with Helm 4."""

from __future__ import annotations

import pytest
from chart import TOOLS, Helm

PROGRAMS = ("helm3", "helm4", "promtool", "checkov")


def pytest_configure() -> None:
    missing = [name for name in PROGRAMS if not (TOOLS / name).exists()]
    if missing:
        pytest.exit(f"{', '.join(missing)} missing in {TOOLS}: run tests/chart/install.sh", returncode=4)


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Helm:
    return Helm(TOOLS / request.param)
