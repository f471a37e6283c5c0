"""Every accepted call has one outcome, whatever happens to the broker, workers and their processes.

    make ledger [BROKER=redis|kafka|kafka-cluster] [SECONDS=60] [SEED=…]

Producers note each call that the broker accepted, functions note each start, and faults strike at random all the time.
At the end the books must balance: every accepted call has the reply that belongs to its function, nothing is left in
the queue, and no call was started again without a fault that explains it. Where some faults are orderly, that is, no
reason to start a call again, only those strike in the first third.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent / "product"), str(FOLDER.parents[1] / "python")]

from books import Books, Struck, read_starts  # noqa: E402
from field import Field  # noqa: E402
from kafka_cluster import KafkaCluster  # noqa: E402
from kafka_side import KafkaSide  # noqa: E402
from producers import Producers  # noqa: E402
from redis_side import RedisSide  # noqa: E402
from side import Fault, Side  # noqa: E402

LIMIT = 2.0
SIDES: dict[str, Callable[[Path, float, int], Side]] = {
    "redis": RedisSide,
    "kafka": KafkaSide,
    "kafka-cluster": partial(KafkaSide, kind=KafkaCluster),
}


def strike(field: Field, books: Books, faults: list[Fault], until_when: float) -> None:
    """Faults until a time."""
    while time.time() < until_when:
        time.sleep(field.random.uniform(*field.side.pause))
        field.replace_ended()
        [fault] = field.random.choices(faults, [fault.weight for fault in faults])
        books.faults.append(Struck(time.time(), fault.name, fault.orderly))
        print(f"{books.faults[-1].at:.2f} {fault.name}", file=sys.stderr)
        fault.strike(field)


def run(broker: str, seconds: float, seed: int, folder: Path) -> Books:
    """One run."""
    books = Books(LIMIT)
    (folder / "server").mkdir()
    side: Side = SIDES[broker](folder / "server", LIMIT, seed)
    producers = Producers(side, books, seed)
    field = Field(folder, side, producers, seed)
    try:
        field.fill()
        # Its topics are made by the first worker.
        field.workers[0].until_ready()
        producers.start()
        begin = time.time()
        faults = side.faults()
        if orderly := [fault for fault in faults if fault.orderly]:
            strike(field, books, orderly, begin + seconds / 3)
        strike(field, books, faults, begin + seconds)
        producers.stop()
        books.problems += field.problems()
        field.until_finished()
        books.check(side, read_starts(field.starts))
    finally:
        for worker in field.workers:
            worker.kill()
        side.end()
    return books


def main() -> int:
    """Run, and print the books."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--broker", choices=SIDES, default="redis")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, help="for what the run leaves behind; none stays otherwise")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        if options.folder:
            options.folder.mkdir(parents=True)
        books = run(options.broker, options.seconds, seed, options.folder or Path(folder))
    functions = Counter(function for function, _ in books.accepted.values())
    print(f"{options.broker}, seed {seed}: {len(books.accepted)} calls accepted: {dict(functions)}")
    print(f"{len(books.faults)} faults: {dict(Counter(fault.name for fault in books.faults))}")
    print(f"{books.again} starts beyond the first")
    for problem in books.problems[:20]:
        print(problem)
    print(f"{len(books.accepted)} passed" if not books.problems else f"{len(books.problems)} failed")
    return 1 if books.problems else 0


if __name__ == "__main__":
    sys.exit(main())
