"""More calls at once than one worker is meant for: the queue gets more workers, and fewer again afterwards.

export PRPC_TYPE_BROKER=redis PRPC_URL_BROKER=redis://localhost:6379/0 PRPC_QUEUE_NAME=hello
python burst.py
"""

import asyncio

from prpc.app_client import AwaitableTask

CALLS = 100


async def main() -> None:
    """Send every call, then wait for all of them."""
    tasks = [AwaitableTask("fetch", (str(number), 1.0), {}) for number in range(CALLS)]
    results = await asyncio.gather(*(task.async_wait_result_task(60) for task in tasks))
    print(f"{len(results)} calls answered")


if __name__ == "__main__":
    asyncio.run(main())
