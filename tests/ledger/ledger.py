"""Every accepted call has one outcome, whatever happens to Redis, workers and their processes.

    make ledger [SECONDS=60] [SEED=…]

Producers note each call that Redis accepted, functions note each start, and faults strike at random all the time. At
the end the books must balance: every accepted call has the reply that belongs to its function, nothing is left in the
queue, and no call was started again without a fault that explains it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import redis

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent / "product"), str(FOLDER.parents[1] / "python")]

from deadline import until  # noqa: E402
from prpc.prpcmessage import PRPCMessage  # noqa: E402
from queue_client import Queue  # noqa: E402
from redis_server import RedisServer  # noqa: E402
from worker import Worker, descendants  # noqa: E402

WORKERS = 3
PRODUCERS = 2
FUNCTIONS = {"thread": 40, "process": 40, "loop": 40, "fail": 5, "crash": 2, "hang": 1}
"""How often each is called, relative to the others."""
LIMIT = 2.0
SETTINGS = {
    "PRPC_CONCURRENCY": 4,
    "PRPC_TIMEOUT_SEC": LIMIT,
    "PRPC_MAX_ATTEMPTS": 50,
    "PRPC_GRACE_PERIOD_SEC": 1,
    "PRPC_REDIS_HEARTBEAT_INTERVAL_SEC": 0.5,
    "PRPC_REDIS_RECOVER_INTERVAL_SEC": 2,
    "PRPC_LOG": "error",
}
REACH = 8.0
"""Seconds in which a fault explains that a call is started again: recovery, reconnection, and a busy machine."""
ENDED = "the worker process ended during the call"
ERRORS = {"fail": "boom", "crash": ENDED, "hang": f"server timeout {LIMIT}"}


@dataclass
class Books:
    """What was noted."""

    accepted: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    faults: list[tuple[float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def has_fault(self, after: float, until_when: float, name: str = "") -> bool:
        """Whether there was one in this time, of any name or this one."""
        return any(after < at <= until_when and (not name or name == fault) for at, fault in self.faults)


class Producer(threading.Thread):
    """Sends calls at a pace that the workers can keep."""

    def __init__(self, server: RedisServer, name: str, books: Books, numbers: range, seed: int) -> None:
        super().__init__(daemon=True)
        self._queue, self._books, self._numbers, self._random = Queue(server, name), books, numbers, random.Random(seed)
        self.stopped = threading.Event()

    def run(self) -> None:
        """Until it is stopped."""
        for number in self._numbers:
            if self.stopped.wait(self._random.expovariate(150)):
                return
            [function] = self._random.choices(list(FUNCTIONS), list(FUNCTIONS.values()))
            seconds = self._random.choice([0, 0, 0, 0.001, 0.01, 0.1])
            try:
                call = self._queue.send(function, number, seconds)
            except redis.RedisError:
                continue  # nobody was told that it was accepted
            self._books.accepted[call] = (function, number)


class Field:
    """What faults strike at."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        (folder / "redis").mkdir()
        self.server = RedisServer(folder / "redis", durable=True).start()
        self.queue = Queue(self.server)
        self.starts = folder / "starts"
        self.starts.touch()
        self.workers: list[Worker] = []
        self._started = 0

    def start_worker(self) -> None:
        """One more."""
        self._started += 1
        paths = {"PYTHONPATH": f"{FOLDER.parents[1] / 'python'}:{FOLDER}", "LEDGER_STARTS": self.starts}
        folder = self.folder / f"worker{self._started}"
        self.workers.append(Worker("app:app", self.queue, folder, **SETTINGS, **paths))  # type: ignore[arg-type]

    def replace_ended(self) -> list[Worker]:
        """As an orchestrator does."""
        ended = [worker for worker in self.workers if not worker.is_running()]
        for worker in ended:
            self.workers.remove(worker)
            self.start_worker()
        return ended

    def end_workers(self, how: signal.Signals) -> list[Worker]:
        """Signals one worker and starts another in its place."""
        worker = self.workers.pop(self.random.randrange(len(self.workers)))
        worker.signal(how)
        self.start_worker()
        return [worker]

    def kill_descendant(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Signals one Python process of a worker, host or template."""
        found = descendants(self.random.choice(self.workers).pid)
        if found:
            self.random.choice(found).signal(how)

    def stop_descendant(self) -> None:
        """Lets one stand still for a while."""
        found = descendants(self.random.choice(self.workers).pid)
        if found:
            victim = self.random.choice(found)
            victim.signal(signal.SIGSTOP)
            time.sleep(self.random.random())
            victim.signal(signal.SIGCONT)

    def restart_redis(self) -> None:
        """As after a power failure."""
        self.server.kill()
        time.sleep(self.random.random() / 2)
        self.server.start()

    def cut_connections(self) -> None:
        """All of them, also in the middle of a transaction."""
        self.queue.redis.client_kill_filter(_type="normal", skipme=True)

    def delete_group(self) -> None:
        """An operator's mistake: whatever was pending is delivered again."""
        for stream in self.queue.streams.values():
            self.queue.redis.xgroup_destroy(stream, "prpc_group_consumers")


def strike(field: Field, books: Books, until_when: float) -> None:
    """Faults until a time."""
    ended: list[Worker] = []
    faults: dict[str, Callable[[], object]] = {
        "worker killed": lambda: ended.extend(field.end_workers(signal.SIGKILL)),
        "worker terminated": lambda: ended.extend(field.end_workers(signal.SIGTERM)),
        "process killed": field.kill_descendant,
        "process stopped": field.stop_descendant,
        "redis killed": field.restart_redis,
        "connections cut": field.cut_connections,
        "group destroyed": field.delete_group,
    }
    weights = [2, 2, 4, 1, 1, 2, 1]
    while time.time() < until_when:
        time.sleep(field.random.uniform(0.1, 1.0))
        ended += field.replace_ended()
        [name] = field.random.choices(list(faults), weights)
        books.faults.append((time.time(), name))
        faults[name]()
    for worker in ended:
        code, said = worker.exit_code(30), worker.stderr()
        # A worker whose Python is killed before it has loaded the program leaves it to others to start it again.
        if code not in (0, -signal.SIGKILL) and not (code == 1 and "ended before the program was loaded" in said):
            books.problems.append(f"a worker ended with {code}: {said[-500:]}")


def check(field: Field, books: Books) -> None:
    """Whether the books balance."""
    starts: dict[int, list[float]] = {}
    for line in field.starts.read_text().splitlines():
        started, moment = line.split()
        starts.setdefault(int(started), []).append(float(moment))
    for call, (function, number) in books.accepted.items():
        when = sorted(starts.get(number, []))
        if field.queue.redis.get(field.queue.reply_key(call)) is None:
            books.problems.append(f"{function} {number} ({call}), started {len(when)} times, has no reply")
            continue
        reply = field.queue.reply(call)
        if not is_right(function, number, reply, books):
            books.problems.append(f"{function} {number} has a wrong reply: {reply.result!r}, {reply.exception_info!r}")
        if not when:
            books.problems.append(f"{function} {number} was answered and never started")
        for before, after in itertools.pairwise(when):
            if not books.has_fault(before - REACH, after):
                books.problems.append(f"{function} {number} was started again for no reason")
    if field.queue.dead():
        books.problems.append(f"dead letters: {field.queue.dead()[:3]}")


def is_right(function: str, number: int, reply: PRPCMessage, books: Books) -> bool:
    """Whether a reply belongs to its function, or says that its process was killed, which was a fault."""
    error = reply.exception_info or ""
    if error.startswith(ENDED) and "SIGKILL" in error:
        assert reply.date_done_message is not None
        done = reply.date_done_message.timestamp()
        return books.has_fault(done - REACH, done, "process killed")
    return ERRORS[function] in error if function in ERRORS else reply.result == number


def run(seconds: float, seed: int) -> Books:
    """One run."""
    books = Books()
    with tempfile.TemporaryDirectory() as folder:
        field = Field(Path(folder), seed)
        try:
            for _ in range(WORKERS):
                field.start_worker()
            producers = [
                Producer(field.server, field.queue.name, books, range(at * 10**7, (at + 1) * 10**7), seed + at)
                for at in range(PRODUCERS)
            ]
            for producer in producers:
                producer.start()
            strike(field, books, time.time() + seconds)
            for producer in producers:
                producer.stopped.set()
                producer.join()
            until(lambda: field.queue.entries() == 0 and field.queue.pending() == 0, "the queue is empty", 60)
            check(field, books)
        finally:
            for worker in field.workers:
                worker.kill()
            field.server.kill()
    return books


def main() -> int:
    """Run, and print the books."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    books = run(options.seconds, seed)
    functions = Counter(function for function, _ in books.accepted.values())
    print(f"seed {seed}: {len(books.accepted)} calls accepted: {dict(functions)}")
    print(f"{len(books.faults)} faults: {dict(Counter(name for _, name in books.faults))}")
    for problem in books.problems[:20]:
        print(problem)
    print(f"{len(books.accepted)} passed" if not books.problems else f"{len(books.problems)} failed")
    return 1 if books.problems else 0


if __name__ == "__main__":
    sys.exit(main())
