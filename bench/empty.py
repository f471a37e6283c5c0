"""The function that the benchmarks call."""

import os

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")

if os.environ.get("PRPC_BENCH_ASYNC"):

    @app.decorator_reg_func()
    async def f(a, b):  # type: ignore[no-untyped-def]
        return a + b

else:

    @app.decorator_reg_func()
    def f(a, b):  # type: ignore[no-untyped-def]
        return a + b
