"""Three functions, one for each kind of worker."""

import asyncio
from collections import Counter
from datetime import timedelta

from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0", "thread", 4, timedelta(seconds=30), "hello")


@app.decorator_reg_func()
def add(a: int | float, b: int | float) -> int | float:
    """Thread: short work and libraries that block."""
    return a + b


@app.decorator_reg_func("process")
def count_words(text: str, most: int = 3) -> list[tuple[str, int]]:
    """Process: work for the processor; a time limit kills it."""
    return Counter(text.lower().split()).most_common(most)


@app.decorator_reg_func("async")
async def fetch(name: str, seconds: float = 0.1) -> str:
    """Async: waits for others, many calls at a time."""
    await asyncio.sleep(seconds)
    return f"{name} after {seconds} s"


if __name__ == "__main__":
    app.start()
