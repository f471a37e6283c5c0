"""celery: prefork, two processes, results in Redis."""

from celery import Celery
from work import URL, work

app = Celery("bench", broker=URL, backend=URL)
app.conf.worker_prefetch_multiplier = 64
f = app.task(work, name="f", ignore_result=False)
COMMAND = ["celery", "-A", "celery_app", "worker", "-c", "2", "-l", "error", "--without-gossip", "--without-mingle"]


def enqueue(calls: int) -> None:
    """A backlog."""
    with app.producer_pool.acquire() as producer:
        for number in range(calls):
            f.apply_async((number, 2), producer=producer)
