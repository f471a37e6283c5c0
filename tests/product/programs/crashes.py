"""Functions that take their process with them."""

from __future__ import annotations

import asyncio
import os
import signal
import trace

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
gates.register_hold(app)


def _die(how: str) -> None:
    if how == "exit":
        os._exit(3)
    signal.raise_signal(getattr(signal, how))


@app.decorator_reg_func("process")
def die_process(how: str) -> None:
    _die(how)


@app.decorator_reg_func("thread")
def die_thread(how: str) -> None:
    _die(how)


@app.decorator_reg_func("thread")
def die_once_thread(name: str, after: str) -> str:
    """Dies the first time, as soon as the call that notes `after` runs beside it."""
    trace.note(name)
    if trace.count(name) == 1:
        while trace.count(after) == 0:
            pass
        os._exit(3)
    return name


@app.decorator_reg_func("async")
async def die_once_async(name: str, after: str) -> str:
    trace.note(name)
    if trace.count(name) == 1:
        while trace.count(after) == 0:
            await asyncio.sleep(0.005)
        os._exit(3)
    return name


@app.decorator_reg_func("thread")
def die_always_thread(name: str, partner: str) -> None:
    """Dies every time that its partner was started as often as itself."""
    trace.note(name)
    while trace.count(partner) < trace.count(name):
        pass
    os._exit(3)


@app.decorator_reg_func("thread")
def add_thread(a: int, b: int) -> int:
    return a + b
