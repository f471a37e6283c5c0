"""Functions that tell who runs them, and one that keeps what it should not."""

from __future__ import annotations

import atexit
import os
import trace

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
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


@app.decorator_reg_func("thread")
def hold_thread(name: str) -> str:
    return trace.hold(name)


@app.decorator_reg_func("process")
def hold_process(name: str) -> str:
    return trace.hold(name)


@app.decorator_reg_func("async")
async def hold_async(name: str) -> str:
    return await trace.hold_in_loop(name)


@app.decorator_reg_func("process")
def leak(mib: int) -> int:
    kept.append(os.urandom(1 << 20) * mib)
    return os.getpid()
