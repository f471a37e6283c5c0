"""Functions that take memory until somebody stops them, and one that takes none."""

from __future__ import annotations

import os
import time
import trace

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


def _eat() -> None:
    trace.note("eat")
    kept = []
    while True:
        kept.append(os.urandom(1 << 10) * 1024)
        # As fast as it can, the kernel is first if this machine stands still for some milliseconds.
        time.sleep(0.003)


@app.decorator_reg_func("process")
def eat_process() -> None:
    _eat()


@app.decorator_reg_func("thread")
def eat_thread() -> None:
    _eat()


@app.decorator_reg_func("async")
async def eat_async() -> None:
    _eat()


@app.decorator_reg_func("thread")
def add(a: int, b: int) -> int:
    return a + b
