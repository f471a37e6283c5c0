from prpc.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


def f() -> int:
    return 1


app.register_func(f)
app.register_func(f)
