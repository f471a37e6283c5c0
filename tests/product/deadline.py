"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 120.0
"""Seconds after which nothing is expected any more, on a busy machine too."""


def until(condition: Callable[[], Found | None], what: str, seconds: float = PATIENCE, pause: float = 0.005) -> Found:
    """The first true value of `condition`; an AssertionError that names `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(pause)
