"""Functions that tell who runs them, and one that keeps what it should not."""

from __future__ import annotations

import atexit
import os
import trace

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
gates.register_hold(app)
kept: list[bytes] = []
atexit.register(trace.note, "exit_handlers")


@app.decorator_reg_func("thread")
def pid_thread() -> int:
    return os.getpid()


@app.decorator_reg_func("process")
def pid_process() -> int:
    return os.getpid()


@app.decorator_reg_func("async")
async def pid_async() -> int:
    return os.getpid()


@app.decorator_reg_func("process")
def leak(mib: int) -> int:
    kept.append(os.urandom(1 << 20) * mib)
    return os.getpid()
