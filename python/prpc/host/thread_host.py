"""Thread workers: a fixed set of threads, which take turns in reading the socket."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic_ns

from prpc.host.frames import FrameReader, Kind, write_document, write_frame
from prpc.host.outcome import frames, raised, returned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prpc.host.outcome import Function, Result
    from prpc.host.texts import Texts

_BATCH = 64
"""Results that may wait for company while there are calls to run."""


class _Outbox:
    """Sends results: at once when there is nothing else to do, else together.

    A result never waits for a function: the flusher sends it as soon as the interpreter lets another thread run.
    """

    def __init__(self, sock: socket.socket, texts: Texts) -> None:
        self._sock, self._texts = sock, texts
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
                    for frame in frames(batch, tagged, self._texts):
                        self._send(frame)

    def send(self, kind: Kind, document: list[int]) -> None:
        with self._sending:
            self._send(write_frame(kind, write_document(document)))

    def _send(self, frame: bytes) -> None:
        try:
            self._sock.sendall(frame)
        except OSError:
            # The runtime is gone, or a function has closed the socket: the only way left to tell is to end. The thread
            # that reads may not notice.
            os._exit(1)

    def _flush_when_woken(self) -> None:
        while True:
            self._wake.get()
            self._wanted = False
            self.flush()


class _Calls:
    """Calls for the threads, and the threads that wait for some.

    One idle thread is woken, the one that worked last; if there is more to do it wakes the next. (A queue of the
    standard library wakes one more than it has calls for, and every thread that wakes wants the interpreter.)

    Whoever finds nothing to run reads the socket, and runs what comes without a switch to another thread. The main
    thread, which runs no calls, reads only when all others are busy.
    """

    def __init__(self, sock: socket.socket, texts: Texts, outbox: _Outbox) -> None:
        self.parked: deque[Any] = deque()
        self.draining = False
        """The runtime sends no more calls."""
        self.ended = False
        """Nothing can come from the runtime any more."""
        self.failure: Exception | None = None
        """Why, if the runtime did not just go."""
        self._reader = FrameReader(sock, texts.scan)
        self._outbox = outbox
        self._reading = threading.Lock()
        self._idle: list[threading.Lock] = []
        """Each held, and released to wake its thread. The main thread's comes first."""
        self._main = _held_lock()

    def get(self, bed: threading.Lock) -> Any:
        """The next call; None at the end. `bed` is the thread's own lock, which it holds."""
        parked, reading = self.parked, self._reading
        while True:
            if parked:
                try:
                    call = parked.popleft()
                except IndexError:  # another thread was faster
                    continue
                if parked or not reading.locked():
                    self._wake()
                return call
            if self.draining or self.ended:
                return None
            if reading.acquire(blocking=False):
                self._read()
            else:
                self._sleep(bed, len(self._idle))

    def read_while_all_are_busy(self) -> None:
        """What the main thread does until the end."""
        while not (self.draining or self.ended):
            if self._reading.acquire(blocking=False):
                self._read()
                if self.parked:
                    self._wake()
            self._sleep(self._main, 0)

    def _read(self) -> None:
        try:
            received = self._reader.receive()
            for kind, document in received or ():
                if kind == Kind.CALLS:
                    self.parked.extend(document)
                elif kind == Kind.RECALL:
                    self._outbox.send(Kind.RECALLED, self._take_back())
                elif kind == Kind.DRAIN:
                    self.draining = True
        except Exception as error:
            received, self.failure = None, error
        finally:
            self._reading.release()
        self.ended = received is None
        if self.ended or self.draining:
            self._wake_all()

    def _sleep(self, bed: threading.Lock, place: int) -> None:
        self._idle.insert(place, bed)
        # What came after the last look found nobody to wake.
        if self.parked or self.draining or self.ended or not self._reading.locked():
            self._wake()
        bed.acquire()

    def _wake(self) -> None:
        if self._idle:
            with suppress(IndexError):  # another thread was faster
                self._idle.pop().release()

    def _wake_all(self) -> None:
        while self._idle:
            self._wake()

    def _take_back(self) -> list[int]:
        """The numbers of the parked calls, which are parked no more."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self.parked.popleft()[0])
        return taken


def run(sock: socket.socket, page: memoryview, texts: Texts, functions: list[Function]) -> None:
    """Run calls until the runtime wants no more or is gone."""
    outbox = _Outbox(sock, texts)
    calls = _Calls(sock, texts, outbox)
    threads = [
        threading.Thread(
            target=_work, args=(slot, calls, outbox, page, functions), name=f"prpc-worker-{slot}", daemon=True
        )
        for slot in range(len(page) // 2)
    ]
    for thread in threads:
        thread.start()
    calls.read_while_all_are_busy()
    if calls.failure is not None:
        raise calls.failure
    if calls.draining:
        for thread in threads:
            thread.join()
        outbox.flush()
        outbox.send(Kind.DRAINED, [])


def _work(slot: int, calls: _Calls, outbox: _Outbox, page: memoryview, functions: list[Function]) -> None:
    word = 2 * slot
    bed = _held_lock()
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
        outbox.add(result, tagged, not calls.parked)
        # Only now: should telling the result end the process, then it was this call.
        page[word] = 0
        # Nothing of a call is kept alive while there is no other.
        work = args = kwargs = value = result = None  # type: ignore[assignment]


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
