"""What faults strike at: workers on one queue, and the faults that are the same on every broker."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

from deadline import until
from producers import Producers
from side import Fault, Side
from worker import Worker, descendants

FOLDER = Path(__file__).parent
WORKERS = 3
MOST_WORKERS = 5


class Field:
    """The workers, and those that have ended."""

    def __init__(self, folder: Path, side: Side, producers: Producers, seed: int) -> None:
        self.random = random.Random(seed)
        self.side, self.producers = side, producers
        self.starts = folder / "starts"
        self.starts.touch()
        self.workers: list[Worker] = []
        self.ended: list[Worker] = []
        self._folder = folder
        self._started = 0

    def start_worker(self) -> None:
        """One more."""
        self._started += 1
        paths = {"PYTHONPATH": f"{FOLDER.parents[1] / 'python'}:{FOLDER}", "LEDGER_STARTS": self.starts}
        folder = self._folder / f"worker{self._started}"
        self.workers.append(Worker("app:app", self.side, folder, **{**self.side.settings, **paths}))  # type: ignore[arg-type]

    def replace_ended(self) -> None:
        """As an orchestrator does."""
        for worker in [worker for worker in self.workers if not worker.is_running()]:
            self.workers.remove(worker)
            self.ended.append(worker)
            self.start_worker()

    def end_worker(self, how: signal.Signals) -> None:
        """Signals one."""
        worker = self.workers.pop(self.random.randrange(len(self.workers)))
        worker.signal(how)
        self.ended.append(worker)

    def replace_worker(self, how: signal.Signals) -> None:
        """Signals one worker and starts another in its place."""
        self.end_worker(how)
        self.start_worker()

    def change_crew(self) -> None:
        """One more or one less."""
        more = len(self.workers) <= WORKERS or (len(self.workers) < MOST_WORKERS and self.random.random() < 0.5)
        self.start_worker() if more else self.end_worker(signal.SIGTERM)

    def end_all(self) -> None:
        """Ends all workers in order; whoever calls starts them again."""
        leaving = self.workers
        self.workers = []
        self.ended += leaving
        for worker in leaving:
            worker.signal(signal.SIGTERM)
        until(lambda: not any(worker.is_running() for worker in leaving), "all workers end")

    def fill(self) -> None:
        """Starts as many workers as there should be."""
        while len(self.workers) < WORKERS:
            self.start_worker()

    def until_finished(self) -> None:
        """Waits until nothing is left in the queue."""
        until(self.side.is_finished, "nothing is left in the queue", self.side.settle_seconds, pause=0.1)

    def kill_descendant(self) -> None:
        """Kills one Python process of a worker, host or template."""
        found = descendants(self.random.choice(self.workers).pid)
        if found:
            self.random.choice(found).signal(signal.SIGKILL)

    def stop_descendant(self) -> None:
        """Lets one stand still for a while."""
        found = descendants(self.random.choice(self.workers).pid)
        if found:
            victim = self.random.choice(found)
            victim.signal(signal.SIGSTOP)
            time.sleep(self.random.random())
            victim.signal(signal.SIGCONT)

    def problems(self) -> list[str]:
        """What is wrong with the way in which workers have ended."""
        found = []
        for worker in self.ended:
            code, said = worker.exit_code(), worker.stderr()
            # A worker whose Python is killed before it has loaded the program leaves it to others to start it again.
            if code not in (0, -signal.SIGKILL) and not (code == 1 and "ended before the program was loaded" in said):
                found.append(f"a worker ended with {code}: {said[-500:]}")
        return found


def process_faults() -> list[Fault]:
    """Those of Python processes."""
    return [
        Fault("process killed", 4, Field.kill_descendant),
        Fault("process stopped", 1, Field.stop_descendant),
    ]


def replaced(how: signal.Signals) -> Fault:
    """A worker is signalled and replaced."""
    name = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated"}[how]
    return Fault(f"worker {name}", 2, lambda field: field.replace_worker(how))
