"""The functions that the benchmarks call."""

import asyncio
import os
import time

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")

if os.environ.get("PRPC_WORKER_TYPE") == "async":

    async def f(a, b):  # type: ignore[no-untyped-def]
        return a + b

    async def nap():  # type: ignore[no-untyped-def]
        await asyncio.sleep(0.1)

else:

    def f(a, b):  # type: ignore[no-untyped-def]
        return a + b

    def nap():  # type: ignore[no-untyped-def]
        time.sleep(0.1)


def echo(value):  # type: ignore[no-untyped-def]
    return value


app.register_funcs(f, nap)
if os.environ.get("PRPC_WORKER_TYPE") != "async":
    app.register_func(echo)
for number in range(int(os.environ.get("PRPC_BENCH_FUNCTIONS", "0"))):
    exec(f"def g{number}(a, b=0, *, c: int = 1) -> int: return a + b + c")
    app.register_func(globals()[f"g{number}"])
