"""Lets the functions of these programs leave marks for the test, and wait for it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

FOLDER = Path(os.environ["TRACE_FOLDER"])


def note(name: str, text: str = "") -> None:
    """Adds a line to the marks of a name."""
    with (FOLDER / name).open("a") as marks:
        marks.write(f"{text or os.getpid()}\n")


def count(name: str) -> int:
    """How many marks a name has."""
    path = FOLDER / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def is_open(name: str) -> bool:
    """Whether the test has opened the gate of a name."""
    return (FOLDER / f"{name}.open").exists()


def hold(name: str) -> str:
    """Notes that it runs, and waits until the test opens the gate."""
    note(name)
    while not is_open(name):
        time.sleep(0.005)
    return name


def meet(name: str, calls: int) -> int:
    """Waits until so many calls of it run, which takes as many slots."""
    note(name)
    while count(name) < calls:
        time.sleep(0.005)
    return calls


async def hold_in_loop(name: str) -> str:
    """`hold` for coroutines."""
    note(name)
    while not is_open(name):
        await asyncio.sleep(0.005)
    return name


async def meet_in_loop(name: str, calls: int) -> int:
    """`meet` for coroutines."""
    note(name)
    while count(name) < calls:
        await asyncio.sleep(0.005)
    return calls
