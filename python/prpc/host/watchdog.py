"""Says on standard error where an event loop is blocked: nothing else can, because all calls wait for it."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from time import monotonic

LIMIT = 5.0
"""Seconds after which a loop that does not turn is told about, once."""
TICK = 1.0


class Watchdog:
    """Watches the loop of the thread that makes it. The thread it starts ends with the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._turned = monotonic()
        self._turn()
        threading.Thread(target=self._watch, name="prpc-watchdog", daemon=True).start()

    def _turn(self) -> None:
        self._turned = monotonic()
        self._loop.call_later(TICK, self._turn)

    def _watch(self) -> None:
        told = None
        pause = threading.Event()
        while not pause.wait(TICK):
            turned = self._turned
            if told != turned and monotonic() - turned > LIMIT:
                told = turned
                self._tell()

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return
        stack = "".join(traceback.format_stack(frame))
        print(
            f"the event loop is blocked for {LIMIT:.0f} s by a call that does not await: no other call of this process"
            f" goes on. Let it await, or register the function for threads or processes. It is here:\n{stack}",
            file=sys.stderr,
            flush=True,
        )
