"""A function that never gives its memory back: 20 KB a call."""

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")
kept = []


@app.decorator_reg_func()
def leak(number):  # type: ignore[no-untyped-def]
    kept.append(b"x" * 20_000)
    return number
