"""Functions for the tests of the hosts."""

import asyncio
import os
import threading
import time

from prpc import AppServer

app = AppServer("redis", "redis://localhost:6379/0", "thread", 2, None, "a_queue", group_name="a_group")
gate = threading.Event()


@app.decorator_reg_func()
def add(a, b=2):
    return a + b


@app.decorator_reg_func()
def wait_for_gate():
    return gate.wait(20)


@app.decorator_reg_func()
def open_gate():
    gate.set()


@app.decorator_reg_func("async")
async def echo(value):
    await asyncio.sleep(0)
    return value


@app.decorator_reg_func("async")
async def wait_for_ever():
    await asyncio.Event().wait()


@app.decorator_reg_func()
def long_text(length):
    return "x" * length


@app.decorator_reg_func()
def leave_a_process():
    """A forked process lives on and has every descriptor of the host."""
    if child := os.fork():
        return child
    time.sleep(20)
    os._exit(0)
