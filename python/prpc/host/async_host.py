"""Async workers: one event loop, one task per call."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from time import monotonic_ns

from prpc.host.frames import FrameReader, Kind, write_document, write_frame
from prpc.host.outcome import CANCELLED, frames, raised, returned
from prpc.host.watchdog import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prpc.host.outcome import Function, Result
    from prpc.host.texts import Texts


def run(sock: socket.socket, page: memoryview, texts: Texts, functions: list[Function]) -> None:
    """Run calls until the runtime wants no more or is gone."""
    asyncio.run(_Loop(sock, page, texts, functions).until_end())


class _Loop:
    """At most as many tasks as slots; other calls wait untouched and can be taken back."""

    def __init__(self, sock: socket.socket, page: memoryview, texts: Texts, functions: list[Function]) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._reader = FrameReader(sock, texts.scan)
        self._page, self._texts = page, texts
        self._functions = functions
        self._free = list(range(len(page) // 2))
        self._parked: deque[list[Any]] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        self._results: dict[bool, list[Result]] = {False: [], True: []}
        self._finished: list[tuple[int, int]] = []
        """Where the status page shows calls whose results wait."""
        self._flushing = False
        self._unsent = bytearray()
        self._draining = False
        self._end = asyncio.Event()

    async def until_end(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock, self._readable)
        Watchdog(self._loop)
        await self._end.wait()

    # ---------------------------------------------------------------------------------------------------- reading

    def _readable(self) -> None:
        try:
            received = self._reader.receive()
        except BlockingIOError:
            return
        except OSError:
            received = None
        if received is None:
            self._stop()
            return
        for kind, document in received:
            if kind == Kind.CALLS:
                self._parked.extend(document)
                self._start_parked()
            elif kind == Kind.CANCEL:
                self._cancel(document)
            elif kind == Kind.RECALL:
                taken = [call[0] for call in self._parked]
                self._parked.clear()
                self._send(write_frame(Kind.RECALLED, write_document(taken)))
            elif kind == Kind.DRAIN:
                self._draining = True
                self._end_if_drained()

    def _cancel(self, calls: list[int]) -> None:
        for call in calls:
            task = self._tasks.get(call)
            if task is not None:
                self._cancelled.add(call)
                task.cancel()

    # ---------------------------------------------------------------------------------------------------- running

    def _start_parked(self) -> None:
        while self._parked and self._free:
            call = self._parked.popleft()
            self._tasks[call[0]] = self._loop.create_task(self._run(self._free.pop(), *call))

    async def _run(self, slot: int, call: int, function: int, args: list[Any], kwargs: dict[str, Any]) -> None:
        word = 2 * slot
        self._page[word + 1] = start = monotonic_ns()
        self._page[word] = call
        tagged = False
        try:
            value = await self._functions[function](*args, **kwargs)
        except BaseException as error:
            run_ns = monotonic_ns() - start
            if call in self._cancelled and isinstance(error, asyncio.CancelledError):
                result = (call, CANCELLED, None, run_ns)
            else:
                result = raised(call, error, run_ns)
        else:
            result, tagged = returned(call, value, monotonic_ns() - start)
        self._finished.append((word, call))
        self._free.append(slot)
        del self._tasks[call]
        self._cancelled.discard(call)
        self._results[tagged].append(result)
        self._start_parked()
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    # ---------------------------------------------------------------------------------------------------- writing

    def _flush(self) -> None:
        self._flushing = False
        for tagged, results in self._results.items():
            if results:
                self._results[tagged] = []
                for frame in frames(results, tagged, self._texts):
                    self._send(frame)
        # Only now: should telling a result end the process, then it was one of these calls.
        for word, call in self._finished:
            if self._page[word] == call:
                self._page[word] = 0
        self._finished.clear()
        self._end_if_drained()

    def _send(self, frame: bytes) -> None:
        if self._unsent:
            self._unsent += frame
            return
        sent = self._write(frame)
        if sent < len(frame):
            self._unsent += memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._sock)
            self._end_if_drained()

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            # The runtime is gone, and with it everybody who would want an answer.
            self._stop()
            return len(data)

    # ---------------------------------------------------------------------------------------------------- ending

    def _end_if_drained(self) -> None:
        if self._draining and not (self._tasks or self._parked or self._flushing or self._unsent):
            self._draining = False
            self._sock.setblocking(True)
            self._write(write_frame(Kind.DRAINED, b"[]"))
            self._stop()

    def _stop(self) -> None:
        self._loop.remove_reader(self._sock)
        self._end.set()
