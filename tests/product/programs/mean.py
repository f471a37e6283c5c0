"""Functions that do to their process what no function should."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
import trace

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
gates.register_hold(app)


def _print_a_gigabyte() -> int:
    piece = "x" * (1 << 20)
    for _ in range(1024):
        print(piece)
    return 1024


def _close_all_files() -> str:
    os.closerange(0, 4096)
    return "closed"


def _change_signal_handlers() -> str:
    if threading.current_thread() is threading.main_thread():
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError):
                signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    return "changed"


def _send_garbage() -> str:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.write(int(name), os.urandom(4096))
    return "sent"


def _run(what: str) -> object:
    trace.note(what)
    return globals()[f"_{what}"]()


@app.decorator_reg_func("thread")
def mean_thread(what: str) -> object:
    return _run(what)


@app.decorator_reg_func("process")
def mean_process(what: str) -> object:
    return _run(what)


@app.decorator_reg_func("async")
async def mean_async(what: str) -> object:
    return _run(what)


@app.decorator_reg_func("process")
def print_process(text: str) -> str:
    print(text)
    print(text, file=sys.stderr)
    return text
