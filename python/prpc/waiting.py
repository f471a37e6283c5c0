"""What a task waits with: flags that any thread may set, a limit, and reading that all who wait share."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta

LONGEST_READ = 10.0
"""Seconds after which a read returns even if nothing came."""


class Flag:
    """Something to wait for."""

    __slots__ = ("__weakref__", "is_set", "wakes")

    def __init__(self) -> None:
        self.is_set = False
        self.wakes: list[Callable[[], None]] = []
        """Called, in any thread, when it is set."""

    def set(self) -> None:
        """It happened."""
        self.is_set = True
        if self.wakes:
            for wake in list(self.wakes):
                wake()


class Watch(Flag):
    """Set when a reply may be there, or has come."""

    __slots__ = ("document",)

    def __init__(self) -> None:
        super().__init__()
        self.document: bytes | None = None
        """The reply, if that came too."""


async def until_set(flag: Flag, seconds: float | None) -> bool:
    """Wait until the flag is set; False if that took too long."""
    happened = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
            loop.call_soon_threadsafe(happened.set)

    flag.wakes.append(wake)
    try:
        if not flag.is_set:
            await asyncio.wait_for(happened.wait(), seconds)
    except asyncio.TimeoutError:
        return flag.is_set
    finally:
        flag.wakes.remove(wake)
    return True


class LimitPassed(Exception):
    """The caller has waited for as long as it wanted to."""


class Limit:
    """How long a caller wants to wait, from now on."""

    def __init__(self, timeout: timedelta | float | None) -> None:
        if timeout is None or isinstance(timeout, timedelta):
            self.timeout = timeout
        else:
            self.timeout = timedelta(seconds=timeout)
        self._deadline = None if self.timeout is None else time.monotonic() + self.timeout.total_seconds()

    def left(self) -> float | None:
        """Seconds that are left, None if there is no limit."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def at_most(self, seconds: float) -> float:
        """So many seconds, or what is left of them. LimitPassed if nothing is left."""
        left = self.left()
        if left is None:
            return seconds
        if left <= 0:
            raise LimitPassed
        return min(seconds, left)


class SharedReading:
    """Reading by whoever waits, for itself and for all others that wait meanwhile.

    A thread for answers would cost each call two more switches of Python's interpreter. Only coroutines, which must not
    block, need one that reads for them (`serve`).
    """

    def __init__(self, read: Callable[[float], None]) -> None:
        """`read` sets flags; it returns as soon as it has read something, or nothing for so many seconds."""
        self.closed = False
        """Nothing will be read any more; whoever waits is sent away."""
        self._read = read
        self._reading = threading.Lock()
        """Held by the thread that reads for all."""
        self._news = threading.Condition()
        """Notified when something was read, and when nobody reads any more."""
        self._following = 0
        """Threads that wait for that; changed with `_news` held."""
        self._server: threading.Thread | None = None

    def wait(self, flag: Flag, seconds: float | None) -> bool:
        """Block until the flag is set; False if that took too long, or nothing is read any more."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not flag.is_set:
            if self.closed:
                return False
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            if self._reading.acquire(blocking=False):
                try:
                    self._read_until(flag, deadline)
                finally:
                    self._reading.release()
                    self.announce()
            else:
                with self._news:
                    self._following += 1
                    try:
                        self._news.wait_for(lambda: flag.is_set or not self._reading.locked(), left)
                    finally:
                        self._following -= 1
        return True

    def read_what_is_there(self, is_there: Callable[[], bool]) -> None:
        """Read without waiting, unless somebody reads anyway."""
        if self._reading.acquire(blocking=False):
            try:
                while not self.closed and is_there():
                    self._read(0)
            finally:
                self._reading.release()
                self.announce()

    def announce(self) -> None:
        """Let everybody that waits look at its flag."""
        # Who comes after this look sees the flag before it waits.
        if self._following:
            with self._news:
                self._news.notify_all()

    def serve(self, name: str) -> None:
        """Read in a thread of this name from now on, for those that cannot."""
        with self._news:
            if self._server is not None:
                return
            self._server = threading.Thread(target=self._read_for_ever, name=name, daemon=True)
        self._server.start()

    def end(self) -> None:
        """Read nothing any more, and wait until nobody reads."""
        self.closed = True
        if self._server is not None:
            self._server.join(LONGEST_READ)
        self._reading.acquire(timeout=LONGEST_READ)

    def _read_until(self, flag: Flag, deadline: float | None) -> None:
        while not (flag.is_set or self.closed):
            left = LONGEST_READ if deadline is None else min(deadline - time.monotonic(), LONGEST_READ)
            if left <= 0:
                return
            self._read(left)

    def _read_for_ever(self) -> None:
        never = Flag()
        while not self.closed:
            self.wait(never, LONGEST_READ)
