"""arq: one process, coroutines, results in Redis."""

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from work import URL, work


async def f(ctx: dict[str, Any], a: int, b: int) -> int:
    """The coroutine around the work."""
    return work(a, b)


class WorkerSettings:
    """What the command reads."""

    functions = (f,)
    redis_settings = RedisSettings.from_dsn(URL)
    max_jobs = 64
    poll_delay = 0.01


COMMAND = ["arq", "arq_app.WorkerSettings"]


def enqueue(calls: int) -> None:
    """A backlog."""

    async def send() -> None:
        pool = await create_pool(WorkerSettings.redis_settings)
        for number in range(calls):
            await pool.enqueue_job("f", number, 2)

    asyncio.run(send())
