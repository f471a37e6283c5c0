"""Loads the program.

`module:attribute` is imported; a script or `-m module` is run as `__main__` until its `app.start()`.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib import import_module

from prpc import app_server
from prpc.app_server import AppServer
from prpc.signature import entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


class NoProgram(Exception):
    """There is no server where the program was said to be. The text says what to do."""


def load(app: str, arguments: list[str]) -> AppServer:
    """The program's server.

    A program that is run as `__main__` calls `start()`, which does not return; so this returns for imported ones only.
    NoProgram if there is no server, and whatever the program raises.
    """
    if app.startswith("-m "):
        module = app.removeprefix("-m ").strip()
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        raise NoProgram(f"{module} ended without calling start() of an AppServer")
    module, colon, attribute = app.partition(":")
    if colon and not os.path.exists(app):
        return _attribute(module, attribute)
    if not os.path.exists(app):
        raise NoProgram(f"there is no file {app}: name the program as module:attribute or by the path of a script")
    sys.argv = [app, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(app))
    runpy.run_path(app, run_name="__main__")
    raise NoProgram(f"{app} ended without calling start() of an AppServer")


def _attribute(module: str, attribute: str) -> AppServer:
    found: Any = import_module(module)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise NoProgram(f"{module} has no attribute {attribute}: name the AppServer as module:attribute") from None
    if not isinstance(found, AppServer):
        raise NoProgram(f"{module}:{attribute} is not an AppServer but a {type(found).__name__}")
    return found


def description(app: AppServer) -> dict[str, Any]:
    """The functions and the constructor's settings, as REGISTER tells them."""
    functions = [
        {"name": function.name, "worker": function.worker, "entry": entry(function.function, function.name)}
        for function in app.functions
    ]
    timeout = app.timeout_worker
    constructor = {
        "type_broker": app.type_broker,
        "broker_url": app.broker_url,
        "worker": app.default_type_worker,
        "concurrency": app.max_number_worker,
        "timeout": None if timeout is None else timeout.total_seconds(),
        "queue": app.name_queue,
        "group": app.group_name,
    }
    return {"functions": functions, "constructor": constructor}


def on_start(serve: Callable[[AppServer], NoReturn]) -> None:
    """Let `start()` of the program's server call `serve` with it."""
    app_server.enter_host = serve
