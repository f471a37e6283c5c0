"""rq: two workers that do not fork for each job, results in Redis."""

from redis import Redis
from rq import Queue
from work import URL, work

COMMAND = [
    "rq",
    "worker-pool",
    "-n",
    "2",
    "-w",
    "rq.worker.SimpleWorker",
    "-u",
    URL,
    "--logging-level",
    "ERROR",
    "bench",
]


def enqueue(calls: int) -> None:
    """A backlog."""
    queue = Queue("bench", connection=Redis.from_url(URL))
    queue.enqueue_many([Queue.prepare_data(work, (number, 2)) for number in range(calls)])
