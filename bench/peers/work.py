"""The same work for every peer: an empty function that leaves one byte when it ran, so that all are counted alike."""

from __future__ import annotations

import os

URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:6379/0")
_done = os.open(os.environ.get("BENCH_DONE", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def work(a: int, b: int) -> int:
    """What is measured is everything else."""
    os.write(_done, b".")
    return a + b
