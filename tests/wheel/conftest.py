from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wheels", type=Path, required=True, help="folder with the wheel that was built last")
