"""The functions of the ledger: each notes every start, and some take their process along."""

from __future__ import annotations

import asyncio
import os
import time

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
_starts = os.open(os.environ["LEDGER_STARTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _note(number: int) -> None:
    # One write of a short line to a file that is opened for appending is whole, whoever else writes.
    os.write(_starts, f"{number} {time.time()}\n".encode())


def _work(number: int, seconds: float) -> int:
    _note(number)
    time.sleep(seconds)
    return number


@app.decorator_reg_func("thread")
def thread(number: int, seconds: float) -> int:
    """Ordinary work."""
    return _work(number, seconds)


@app.decorator_reg_func("process")
def process(number: int, seconds: float) -> int:
    """Ordinary work."""
    return _work(number, seconds)


@app.decorator_reg_func("async")
async def loop(number: int, seconds: float) -> int:
    """Ordinary work."""
    _note(number)
    await asyncio.sleep(seconds)
    return number


@app.decorator_reg_func("process")
def crash(number: int, seconds: float) -> None:
    """A bug in native code."""
    _note(number)
    time.sleep(seconds)
    os._exit(3)


@app.decorator_reg_func("thread")
def fail(number: int, seconds: float) -> None:
    """A bug in Python code."""
    _work(number, seconds)
    raise ValueError("boom")


@app.decorator_reg_func("process")
def hang(number: int, seconds: float) -> None:
    """A bug that only the limit ends."""
    _note(number)
    time.sleep(600)
