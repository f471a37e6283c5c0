"""Thread workers: a fixed set of threads; the main thread reads the socket for all of them."""

from __future__ import annotations

import socket
import threading
from queue import Empty, SimpleQueue
from time import monotonic_ns
from typing import Any

from prpc.host.frames import FrameReader, Kind, send
from prpc.host.outcome import Function, Result, frames, raised, returned

_BATCH = 64
"""Results that may wait for company while there are calls to run."""

_Calls = SimpleQueue[Any]


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
    calls: _Calls = SimpleQueue()
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
                for call in document:
                    calls.put(call)
            elif kind == Kind.RECALL:
                outbox.send(Kind.RECALLED, _take_back(calls))
            elif kind == Kind.DRAIN:
                for _ in threads:
                    calls.put(None)
                for thread in threads:
                    thread.join()
                outbox.flush()
                outbox.send(Kind.DRAINED, [])
                return


def _take_back(calls: _Calls) -> list[int]:
    taken = []
    try:
        while True:
            taken.append(calls.get_nowait()[0])
    except Empty:
        return taken


def _work(slot: int, calls: _Calls, outbox: _Outbox, page: memoryview, functions: list[Function]) -> None:
    word = 2 * slot
    while (work := calls.get()) is not None:
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
        outbox.add(result, tagged, calls.empty())
        # Nothing of a call is kept alive while there is no other.
        work = args = kwargs = value = result = None  # type: ignore[assignment]
