"""A program that has threads before it is forked."""

from __future__ import annotations

import os
import threading

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")

lock = threading.Lock()
started = threading.Event()


def _take_the_lock_all_the_time() -> None:
    started.set()
    while True:
        with lock:
            pass


threading.Thread(target=_take_the_lock_all_the_time, daemon=True).start()
started.wait()


def _answer() -> list[int]:
    # In a forked process nobody would ever release it, and the thread would be missing.
    with lock:
        return [os.getpid(), threading.active_count()]


@app.decorator_reg_func("thread")
def ask_thread() -> list[int]:
    return _answer()


@app.decorator_reg_func("process")
def ask_process() -> list[int]:
    return _answer()


@app.decorator_reg_func("async")
async def ask_async() -> list[int]:
    return _answer()
