"""Work that takes a while, in every kind of worker."""

from __future__ import annotations

import asyncio
import os
import time
import trace

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
gates.register_hold(app)


@app.decorator_reg_func("thread")
def work_thread(number: int, seconds: float = 0.01) -> int:
    time.sleep(seconds)
    trace.note(f"work_{number}")
    return number


@app.decorator_reg_func("process")
def work_process(number: int, seconds: float = 0.01) -> int:
    time.sleep(seconds)
    trace.note(f"work_{number}")
    return number


@app.decorator_reg_func("async")
async def work_async(number: int, seconds: float = 0.01) -> int:
    await asyncio.sleep(seconds)
    trace.note(f"work_{number}")
    return number


@app.decorator_reg_func("process")
def leave_a_daemon() -> int:
    """Starts a process that outlives the call, has every file of the worker open, and is in nobody's group."""
    if child := os.fork():
        return child
    os.setsid()
    time.sleep(60)
    os._exit(0)


@app.decorator_reg_func("process")
def end_process() -> None:
    os._exit(4)
