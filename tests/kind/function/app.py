"""Functions whose answers tell where they ran."""

import os
import socket
import time
from datetime import timedelta
from urllib.parse import urlsplit

from prpc.app_server import AppServer

app = AppServer("redis", "redis://redis:6379/0", "thread", 4, timedelta(seconds=60), "demo")


@app.decorator_reg_func()
def add(a: int | float, b: int | float) -> int | float:
    """A call that takes no time."""
    return a + b


@app.decorator_reg_func()
def nap(seconds: float = 1.0) -> str:
    """A call that keeps a slot busy."""
    time.sleep(seconds)
    return socket.gethostname()


@app.decorator_reg_func()
def where() -> str:
    """The pod's name."""
    return socket.gethostname()


@app.decorator_reg_func()
def crash() -> None:
    """A call that takes its process along."""
    os._exit(3)


@app.decorator_reg_func("process")
def eat() -> None:
    """A call that takes all memory there is."""
    kept = []
    while True:
        kept.append(os.urandom(1 << 20))


@app.decorator_reg_func()
def record(key: str, seconds: float = 0) -> str:
    """Sleeps, and notes on the broker that it ran: whether a call ran twice is seen there."""
    time.sleep(seconds)
    broker = urlsplit(os.environ["PRPC_URL_BROKER"])
    with socket.create_connection((broker.hostname, broker.port)) as connection:
        connection.sendall(f"RPUSH {key} {socket.gethostname()}\r\n".encode())
        answer = connection.recv(64)
    return answer.decode()


if __name__ == "__main__":
    app.start()
