"""Thread workers: a fixed set of threads; the main thread reads the socket for all of them."""

from __future__ import annotations

import socket
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic_ns
from typing import Any

from prpc.host.frames import FrameReader, Kind, send
from prpc.host.outcome import Function, Result, frames, raised, returned

_BATCH = 64
"""Results that may wait for company while there are calls to run."""


class _Calls:
    """Calls for the threads, and the threads that wait for some. None ends a thread.

    One idle thread is woken, the one that worked last; if there is more to do it wakes the next. (A queue of the
    standard library wakes one more than it has calls for, and every thread that wakes wants the interpreter.)
    """

    def __init__(self) -> None:
        self.parked: deque[Any] = deque()
        self._idle: list[threading.Lock] = []
        """Each held, and released to wake its thread."""

    def put(self, calls: list[Any]) -> None:
        self.parked.extend(calls)
        self._wake()

    def get(self, bed: threading.Lock) -> Any:
        """The next call; `bed` is the thread's own lock, which it holds."""
        parked, idle = self.parked, self._idle
        while True:
            if parked:
                try:
                    call = parked.popleft()
                except IndexError:  # another thread was faster
                    continue
                if parked and idle:
                    self._wake()
                return call
            idle.append(bed)
            # Calls that came after the look found nobody to wake.
            if parked:
                self._wake()
            bed.acquire()

    def _wake(self) -> None:
        with suppress(IndexError):
            self._idle.pop().release()

    def take_back(self) -> list[int]:
        """The numbers of the parked calls, which are parked no more."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self.parked.popleft()[0])
        return taken


class _Outbox:
    """Sends results: at once when there is nothing else to do, else together.

    A result never waits for a function: the flusher sends it as soon as the interpreter lets another thread run.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sending = threading.Lock()
        self._waiting: dict[bool, list[Result]] = {False: [], True: []}
        self._wanted = False
        self._wake: SimpleQueue[None] = SimpleQueue()
        threading.Thread(target=self._flush_when_woken, name="prpc-flusher", daemon=True).start()

    def add(self, result: Result, tagged: bool, idle: bool) -> None:
        waiting = self._waiting[tagged]
        waiting.append(result)
        if idle or len(waiting) >= _BATCH:
            self.flush()
        elif not self._wanted:
            self._wanted = True
            self._wake.put(None)

    def flush(self) -> None:
        with self._sending:
            for tagged, waiting in self._waiting.items():
                # Others append meanwhile, so the list stays the same object and only what was seen is taken out.
                count = len(waiting)
                if count:
                    batch = waiting[:count]
                    del waiting[:count]
                    for frame in frames(batch, tagged):
                        self._sock.sendall(frame)

    def send(self, kind: Kind, document: list[int]) -> None:
        with self._sending:
            send(self._sock, kind, document)

    def _flush_when_woken(self) -> None:
        while True:
            self._wake.get()
            self._wanted = False
            self.flush()


def run(sock: socket.socket, page: memoryview, functions: list[Function]) -> None:
    """Run calls until the runtime wants no more or is gone."""
    calls = _Calls()
    outbox = _Outbox(sock)
    threads = [
        threading.Thread(
            target=_work, args=(slot, calls, outbox, page, functions), name=f"prpc-worker-{slot}", daemon=True
        )
        for slot in range(len(page) // 2)
    ]
    for thread in threads:
        thread.start()
    reader = FrameReader(sock)
    while (received := reader.receive()) is not None:
        for kind, document in received:
            if kind == Kind.CALLS:
                calls.put(document)
            elif kind == Kind.RECALL:
                outbox.send(Kind.RECALLED, calls.take_back())
            elif kind == Kind.DRAIN:
                calls.put([None] * len(threads))
                for thread in threads:
                    thread.join()
                outbox.flush()
                outbox.send(Kind.DRAINED, [])
                return


def _work(slot: int, calls: _Calls, outbox: _Outbox, page: memoryview, functions: list[Function]) -> None:
    word = 2 * slot
    bed = threading.Lock()
    bed.acquire()
    while (work := calls.get(bed)) is not None:
        call, function, args, kwargs = work
        page[word + 1] = start = monotonic_ns()
        page[word] = call
        try:
            value = functions[function](*args, **kwargs)
        except BaseException as error:
            result, tagged = raised(call, error, monotonic_ns() - start), False
        else:
            result, tagged = returned(call, value, monotonic_ns() - start)
        page[word] = 0
        outbox.add(result, tagged, not calls.parked)
        # Nothing of a call is kept alive while there is no other.
        work = args = kwargs = value = result = None  # type: ignore[assignment]
