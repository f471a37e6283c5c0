"""Calls the functions of app.py and waits for all results at once.

export PRPC_TYPE_BROKER=redis PRPC_URL_BROKER=redis://localhost:6379/0 PRPC_QUEUE_NAME=hello
python client.py
"""

import asyncio

from prpc.app_client import AwaitableTask


async def main() -> None:
    """Send every call, then wait for all of them."""
    tasks = [
        AwaitableTask("add", (1, 2), {}),
        AwaitableTask("count_words", ("one two two three three three",), {"most": 2}),
        *(AwaitableTask("fetch", (name,), {}) for name in ("north", "south")),
    ]
    for result in await asyncio.gather(*(task.async_wait_result_task(30) for task in tasks)):
        print(result)


if __name__ == "__main__":
    asyncio.run(main())
