from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


@app.decorator_reg_func("async")
def f() -> int:
    return 1
