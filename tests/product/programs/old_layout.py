"""A program of the original, with its older package name."""

from main.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0", "thread", 2)


@app.decorator_reg_func()
def hello_world(name: str) -> str:
    return f"hello, {name}"


if __name__ == "__main__":
    app.start()
