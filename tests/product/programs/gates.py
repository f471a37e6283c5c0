"""Functions for every kind of worker that wait: at a gate that the test opens, or for each other."""

from __future__ import annotations

import trace

from prpc.app_server import AppServer


def register_hold(app: AppServer) -> None:
    """`hold_{kind}(name)`: notes that it runs and waits until the test opens the gate."""

    @app.decorator_reg_func("thread")
    def hold_thread(name: str) -> str:
        return trace.hold(name)

    @app.decorator_reg_func("process")
    def hold_process(name: str) -> str:
        return trace.hold(name)

    @app.decorator_reg_func("async")
    async def hold_async(name: str) -> str:
        return await trace.hold_in_loop(name)


def register_meet(app: AppServer) -> None:
    """`meet_{kind}(name, calls)`: waits until so many calls of it run, which takes as many slots."""

    @app.decorator_reg_func("thread")
    def meet_thread(name: str, calls: int) -> int:
        return trace.meet(name, calls)

    @app.decorator_reg_func("process")
    def meet_process(name: str, calls: int) -> int:
        return trace.meet(name, calls)

    @app.decorator_reg_func("async")
    async def meet_async(name: str, calls: int) -> int:
        return await trace.meet_in_loop(name, calls)
