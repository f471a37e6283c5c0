"""The same functions in every kind of worker, called `{function}_{kind}`."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import gates

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


def in_every_kind(function: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a function three times."""

    @functools.wraps(function)
    def in_thread(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    @functools.wraps(function)
    def in_process(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    @functools.wraps(function)
    async def in_loop(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    for kind, run in (("thread", in_thread), ("process", in_process), ("async", in_loop)):
        run.__name__ = f"{function.__name__}_{kind}"
        app.register_func(run, kind)
    return function


@app.decorator_reg_func("thread")
def add_thread(a: int, b: int = 2) -> int:
    return a + b


@app.decorator_reg_func("process")
def add_process(a: int, b: int = 2) -> int:
    return a + b


@app.decorator_reg_func("async")
async def add_async(a: int, b: int = 2) -> int:
    await asyncio.sleep(0)
    return a + b


@app.decorator_reg_func()
def default_worker() -> str:
    return threading.current_thread().name


@in_every_kind
def echo(value: Any = None, **kwargs: Any) -> Any:
    return {"value": value, "kwargs": kwargs} if kwargs else value


@in_every_kind
def pid() -> int:
    return os.getpid()


class Own(BaseException):
    """An exception that `except Exception` does not see."""


class Unprintable(Exception):
    """An exception that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


ERRORS: dict[str, Callable[[], BaseException]] = {
    "text": lambda: ValueError("boom"),
    "key": lambda: KeyError("k"),
    "empty": lambda: ValueError(),
    "no_text": lambda: Unprintable(),
    "exit": lambda: SystemExit(3),
    "interrupt": lambda: KeyboardInterrupt(),
    "stop": lambda: StopIteration("over"),
    "own": lambda: Own("mine"),
    "cancelled": lambda: asyncio.CancelledError("off"),
}


@in_every_kind
def fail(how: str) -> None:
    raise ERRORS[how]()


def _cyclic() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(300):
        value = [value]
    return value


UNSENDABLE: dict[str, Callable[[], Any]] = {
    "object": object,
    "lambda": lambda: lambda: None,
    "generator": lambda: (number for number in range(3)),
    "bytearray": lambda: bytearray(b"x"),
    "in_a_list": lambda: [1, {"a": object()}],
    "reserved_key": lambda: {"py/object": "os.system"},
    "cyclic": _cyclic,
    "deep": _deep,
    "big": lambda: 10**5000,
}


@in_every_kind
def make(what: str) -> Any:
    return UNSENDABLE[what]()


@in_every_kind
def moment() -> datetime:
    return datetime(2024, 2, 29, 12, tzinfo=timezone.utc)


@in_every_kind
def talk(text: str) -> str:
    print(text)
    return text


gates.register_meet(app)
