"""Functions for the tests of the hosts."""

import asyncio
import os
import threading
import time
from typing import Any

from prpc import AppServer

app = AppServer("redis", "redis://localhost:6379/0", "thread", 2, None, "a_queue", group_name="a_group")
gate = threading.Event()


@app.decorator_reg_func()
def add(a: int, b: int = 2) -> int:
    return a + b


@app.decorator_reg_func()
def wait_for_gate() -> bool:
    return gate.wait(20)


@app.decorator_reg_func()
def open_gate() -> None:
    gate.set()


@app.decorator_reg_func("async")
async def echo(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@app.decorator_reg_func("async")
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@app.decorator_reg_func()
def long_text(length: int) -> str:
    return "x" * length


@app.decorator_reg_func()
def leave_a_process() -> int:
    """A forked process lives on and has every descriptor of the host."""
    if child := os.fork():
        return child
    time.sleep(20)
    os._exit(0)


@app.decorator_reg_func()
def wait_for_file(name: str) -> bool:
    while not os.path.exists(name):
        time.sleep(0.002)
    return True
