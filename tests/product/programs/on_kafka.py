"""Functions of a server on Kafka."""

from __future__ import annotations

import os
import random
import signal
import time
import trace

from prpc.app_server import AppServer

app = AppServer("kafka", "localhost:9092")


@app.decorator_reg_func()
def add(a: int, b: int) -> int:
    trace.note(f"add_{a}")
    return a + b


@app.decorator_reg_func()
def hold(name: str) -> str:
    return trace.hold(name)


@app.decorator_reg_func()
def nap(seconds: float) -> None:
    trace.note("nap")
    time.sleep(seconds)


@app.decorator_reg_func()
def noise(size: int) -> str:
    """So many hexadecimal digits, which cannot be made much smaller."""
    return random.randbytes(size // 2).hex()


@app.decorator_reg_func()
def kill_worker() -> None:
    """Takes the whole worker along, not only the process that runs it."""
    trace.note("kill_worker")
    os.kill(os.getppid(), signal.SIGKILL)
