"""prpc: the same program for each worker type, messages in the original's native form."""

import os
from uuid import uuid4

from redis import Redis
from work import URL, work

from prpc.app_server import AppServer
from prpc.native import write_message
from prpc.prpcmessage import PRPCMessage

KIND = os.environ.get("BENCH_KIND", "thread")
app = AppServer("redis", URL, KIND, 2 if KIND == "process" else 4, name_queue="bench")

if KIND == "async":

    @app.decorator_reg_func()
    async def f(a: int, b: int) -> int:
        """The coroutine around the work."""
        return work(a, b)

else:

    @app.decorator_reg_func()
    def f(a: int, b: int) -> int:
        """The function around the work."""
        return work(a, b)


COMMAND = [os.environ.get("BENCH_BINARY", "prpc"), "run", "prpc_app:app"]


def enqueue(calls: int) -> None:
    """A backlog."""
    client = Redis.from_url(URL)
    for start in range(0, calls, 1000):
        pipe = client.pipeline(transaction=False)
        for number in range(start, min(start + 1000, calls)):
            request = write_message(PRPCMessage("f", (number, 2), {}, uuid4()))
            pipe.xadd("prpc_bench", {"message": request, "client": "prpc/1"})
        pipe.execute()
