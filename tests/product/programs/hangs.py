"""Functions that do not end by themselves, in every way."""

from __future__ import annotations

import asyncio
import os
import re
import time
import trace

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
gates.register_meet(app)


def _search_for_ever() -> None:
    # One call into C that keeps the interpreter lock.
    re.match(r"(a+)+$", "a" * 64 + "b")


@app.decorator_reg_func("thread")
def sleep_in_thread() -> None:
    time.sleep(60)


@app.decorator_reg_func("thread")
def loop_in_thread() -> None:
    while True:
        pass


@app.decorator_reg_func("process")
def sleep_in_process() -> None:
    time.sleep(1e9)


@app.decorator_reg_func("async")
async def loop_in_loop() -> None:
    while True:
        pass


@app.decorator_reg_func("thread")
def c_code_in_thread() -> None:
    _search_for_ever()


@app.decorator_reg_func("process")
def loop_in_process() -> None:
    while True:
        pass


@app.decorator_reg_func("process")
def c_code_in_process() -> None:
    _search_for_ever()


@app.decorator_reg_func("process")
def deaf_process() -> None:
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


@app.decorator_reg_func("async")
async def wait_in_loop() -> None:
    await asyncio.sleep(60)


@app.decorator_reg_func("async")
async def blocked_loop() -> None:
    time.sleep(60)


@app.decorator_reg_func("async")
async def hold_the_loop(name: str) -> str:
    return trace.hold(name)


@app.decorator_reg_func("async")
async def deaf_in_loop() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


@app.decorator_reg_func("async")
async def pid_async() -> int:
    return os.getpid()
