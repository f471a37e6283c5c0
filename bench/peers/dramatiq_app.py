"""dramatiq: two processes with four threads each, results in Redis."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend
from work import URL, work

broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
f = dramatiq.actor(work, actor_name="f", store_results=True)
COMMAND = ["dramatiq", "dramatiq_app", "-p", "2", "-t", "4"]


def enqueue(calls: int) -> None:
    """A backlog."""
    for number in range(calls):
        f.send(number, 2)
