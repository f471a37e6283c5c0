"""A program that is started as a script; what is below `app.start()` must not run in a worker."""

import trace
from datetime import timedelta

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0", "thread", 2, timedelta(seconds=0.5))


@app.decorator_reg_func()
def name() -> str:
    return __name__


@app.decorator_reg_func()
def hold(gate: str) -> str:
    return trace.hold(gate)


if __name__ == "__main__":
    app.start()
    trace.note("after_start")
