"""huey: two processes, results in Redis."""

from huey import RedisHuey
from work import URL, work

huey = RedisHuey("bench", url=URL, results=True)
f = huey.task()(work)
COMMAND = ["huey_consumer", "huey_app.huey", "-w", "2", "-k", "process", "-q"]


def enqueue(calls: int) -> None:
    """A backlog."""
    for number in range(calls):
        f(number, 2)
