"""Those who call: threads that send at a pace which the workers can keep."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator
from uuid import UUID

from books import Books
from side import Sender, Side

COUNT = 2
FUNCTIONS = {"thread": 40, "process": 40, "loop": 40, "fail": 5, "crash": 2, "hang": 1}
"""How often each is called, relative to the others."""


class Producer(threading.Thread):
    """Sends calls until it is stopped."""

    def __init__(self, sender: Sender, pace: float, books: Books, numbers: Iterator[int], seed: int) -> None:
        super().__init__(daemon=True)
        self._sender, self._pace, self._books, self._numbers = sender, pace, books, numbers
        self._random = random.Random(seed)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Each call is noted when it is accepted."""
        while not self._stopped.wait(self._random.expovariate(self._pace)):
            self._send(next(self._numbers))
        self._sender.finish()

    def _send(self, number: int) -> None:
        [function] = self._random.choices(list(FUNCTIONS), list(FUNCTIONS.values()))
        seconds = self._random.choice([0, 0, 0, 0.001, 0.01, 0.1])

        def accepted(call: UUID) -> None:
            self._books.accepted[call] = (function, number)

        self._sender.send(function, number, seconds, accepted)

    def stop(self) -> None:
        """Returns when each call is noted or given up."""
        self._stopped.set()
        self.join()


class Producers:
    """All of them."""

    def __init__(self, side: Side, books: Books, seed: int) -> None:
        self._side, self._books, self._random = side, books, random.Random(seed)
        self._numbers = [itertools.count(at * 10**7) for at in range(COUNT)]
        self._running: list[Producer] = []

    def start(self) -> None:
        """Starts them, or others that go on where they were."""
        side = self._side
        self._running = [
            Producer(side.sender(), side.calls_per_second, self._books, numbers, self._random.randrange(10**6))
            for numbers in self._numbers
        ]
        for producer in self._running:
            producer.start()

    def stop(self) -> None:
        """Returns when each call is accepted or given up."""
        for producer in self._running:
            producer.stop()
        self._running = []
