"""taskiq: two processes, list queue, results in Redis."""

import asyncio

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend
from work import URL, work

broker = ListQueueBroker(URL).with_result_backend(RedisAsyncResultBackend(URL))


@broker.task
async def f(a: int, b: int) -> int:
    """The coroutine around the work."""
    return work(a, b)


COMMAND = ["taskiq", "worker", "taskiq_app:broker", "-w", "2", "--log-level", "ERROR"]


def enqueue(calls: int) -> None:
    """A backlog."""

    async def send() -> None:
        await broker.startup()
        for number in range(calls):
            await f.kiq(number, 2)
        await broker.shutdown()

    asyncio.run(send())
