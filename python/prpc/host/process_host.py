"""Process workers: one call at a time on the main thread, so that a signal reaches the function and SIGKILL ends it.

A call starts only with its permit, which the runtime may take back as long as it is not read here. A result is told at
once if there is nothing more to do; else it is left in a pipe, where it is safe from whatever the next call does.
"""

from __future__ import annotations

import os
import socket
import sys
from time import monotonic_ns

from prpc.host.frames import FrameReader, Kind, send
from prpc.host.outcome import frames, raised, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prpc.host.outcome import Function, Result
    from prpc.host.texts import Texts

_PERMIT = 8
_LONGEST_LEFT = 4096
"""Bytes of a frame that goes into the pipe; up to this length it goes in whole or not at all."""
_LEFT = 64
"""Results in the pipe after which the runtime is told one, to send more calls before the others are used up."""


def run(
    sock: socket.socket, page: memoryview, texts: Texts, functions: list[Function], permits: int, results: int
) -> None:
    """Run calls until the runtime wants no more or is gone. `permits` and `results` are the pipes' descriptors."""
    host = _Host(sock, page, texts, permits, results)
    while (work := host.next()) is not None:
        call, function, args, kwargs = work
        host.finished(*_run(page, call, functions[function], args, kwargs))


class _Host:
    def __init__(self, sock: socket.socket, page: memoryview, texts: Texts, permits: int, results: int) -> None:
        self._sock, self._page, self._texts, self._permits, self._results = sock, page, texts, permits, results
        self._reader = FrameReader(sock, texts.scan)
        self._calls: dict[int, list[Any]] = {}
        self._draining = False
        self._finished: list[bytes] = []
        self._left = 0

    def next(self) -> list[Any] | None:
        """The next call that may start; None at the end."""
        while True:
            permit = self._read_permit()
            self._tell(permit is None)
            if permit is not None:
                while permit not in self._calls:
                    if not self._receive():
                        return None
                return self._calls.pop(permit)
            # A permit comes before its call: those that are here have been taken back.
            self._calls.clear()
            if self._draining:
                send(self._sock, Kind.DRAINED, [])
                return None
            if not self._receive():
                return None

    def finished(self, result: Result, tagged: bool) -> None:
        """Tell the result of the call as soon as it is known whether there is another one."""
        self._finished = frames([result], tagged, self._texts)

    def _read_permit(self) -> int | None:
        try:
            return int.from_bytes(os.read(self._permits, _PERMIT), sys.byteorder)
        except BlockingIOError:
            return None

    def _tell(self, at_once: bool) -> None:
        if at_once or self._left >= _LEFT or not self._leave():
            for frame in self._finished:
                self._sock.sendall(frame)
            self._left = 0
        self._finished = []
        # Only now: until its result is told a call counts as one that was started.
        self._page[0] = 0

    def _leave(self) -> bool:
        """Whether the result is in the pipe."""
        # Texts are read in the order in which they were written, which the socket keeps.
        if sum(map(len, self._finished)) > _LONGEST_LEFT or self._texts.unread:
            return False
        try:
            os.write(self._results, b"".join(self._finished))
        except BlockingIOError:
            return False
        self._left += 1
        return True

    def _receive(self) -> bool:
        """Whether the socket is open still."""
        received = self._reader.receive()
        for kind, document in received or ():
            if kind == Kind.CALLS:
                self._calls.update((call[0], call) for call in document)
            elif kind == Kind.DRAIN:
                self._draining = True
        return received is not None


def _run(
    page: memoryview, call: int, function: Function, args: list[object], kwargs: dict[str, object]
) -> tuple[Result, bool]:
    page[1] = start = monotonic_ns()
    page[0] = call
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        return raised(call, error, monotonic_ns() - start), False
    return returned(call, value, monotonic_ns() - start)
