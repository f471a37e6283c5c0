"""The server as a program sees it: functions are registered with an `AppServer`, `start()` serves them.

Names and signatures are the original's. Responsible for what may be registered; running the functions is the business
of `prpc.host`, everything about the broker that of the runtime.
"""

from __future__ import annotations

import os
from datetime import timedelta

from prpc.parameters import is_coroutine_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

__all__ = ["AppServer"]

BROKERS = ("redis", "kafka")
WORKER_TYPES = ("thread", "process", "async")
SYSTEM_FUNCTIONS = ("ping", "get_function_server")
"""Names that every server answers itself."""
LONGEST_NAME = 512

enter_host: Callable[[AppServer], NoReturn] | None = None
"""What `start()` does in a worker host; set by `prpc.host` before it loads the program."""


class Registered:
    """A function that callers may call. `worker` is None where the queue's worker type holds."""

    __slots__ = ("function", "name", "worker")

    def __init__(self, name: str, function: Callable[..., Any], worker: str | None) -> None:
        self.name, self.function, self.worker = name, function, worker


class AppServer:
    """A program's functions, and the settings that hold where the command line and the environment say nothing."""

    def __init__(
        self,
        type_broker: str,
        broker_url: str,
        default_type_worker: str = "thread",
        max_number_worker: int = 4,
        timeout_worker: timedelta | None = None,
        name_queue: str = "task_prpc",
        *,
        group_name: str = "prpc_group_consumers",
    ) -> None:
        """Settings of the server.

        `max_number_worker` is the number of calls at a time, `timeout_worker` the limit of one call. ValueError or
        TypeError for a value that cannot be used.
        """
        self.type_broker = _one_of(BROKERS, "type_broker", type_broker)
        self.broker_url = _text("broker_url", broker_url)
        self.default_type_worker = _one_of(WORKER_TYPES, "default_type_worker", default_type_worker)
        if type(max_number_worker) is not int or max_number_worker < 1:
            raise ValueError(f"max_number_worker must be a whole number of at least 1, not {max_number_worker!r}")
        self.max_number_worker = max_number_worker
        if timeout_worker is not None and (
            not isinstance(timeout_worker, timedelta) or timeout_worker.total_seconds() <= 0
        ):
            raise ValueError(f"timeout_worker must be a timedelta above zero or None, not {timeout_worker!r}")
        self.timeout_worker = timeout_worker
        self.name_queue = _text("name_queue", name_queue)
        self.group_name = _text("group_name", group_name)
        self._functions: dict[str, Registered] = {}

    @property
    def functions(self) -> list[Registered]:
        """The registered functions in order of registration."""
        return list(self._functions.values())

    def decorator_reg_func(self, worker_type: str | None = None) -> Callable[[Function], Function]:
        """Register the decorated function, which stays what it is."""

        def register(function: Function) -> Function:
            self.register_func(function, worker_type)
            return function

        return register

    def register_func(self, func: Callable[..., Any], worker_type: str | None = None) -> None:
        """Let callers call `func` by its name.

        `worker_type` is thread, process or async; without one the queue's default holds. ValueError for a name that is
        taken, TypeError for a coroutine function outside `async` and for any other function in it.
        """
        name = getattr(func, "__name__", None)
        if not callable(func) or not isinstance(name, str):
            raise TypeError(f"only functions can be registered, not {func!r}")
        if len(name) > LONGEST_NAME:
            raise ValueError(f"the name of a function has at most {LONGEST_NAME} characters, this one has {len(name)}")
        if name in SYSTEM_FUNCTIONS:
            raise ValueError(f"every server answers {name!r} itself: give the function another name")
        if name in self._functions:
            raise ValueError(f"a function named {name!r} is registered already: give one of them another name")
        if worker_type is not None:
            _one_of(WORKER_TYPES, "worker_type", worker_type)
        self._check_kind(func, name, worker_type)
        self._functions[name] = Registered(name, func, worker_type)

    def register_funcs(self, *funcs: Callable[..., Any], worker_type: str | None = None) -> None:
        """Register several functions with the same worker type."""
        for func in funcs:
            self.register_func(func, worker_type)

    def start(self) -> NoReturn:
        """Serve the functions until the process is told to end.

        The process becomes the runtime, which loads this program again in its workers; there `start()` waits for calls.
        """
        if enter_host is not None:
            enter_host(self)
        from prpc.runtime import execute

        execute()

    def _check_kind(self, func: Callable[..., Any], name: str, worker_type: str | None) -> None:
        # What the environment says wins over the constructor, in the runtime and so here.
        worker = worker_type or os.environ.get("PRPC_WORKER_TYPE") or self.default_type_worker
        if is_coroutine_function(func) == (worker == "async"):
            return
        if worker == "async":
            raise TypeError(f"{name} is registered for async workers and must be an `async def`")
        raise TypeError(f"{name} is an `async def`: register it for async workers, not for {worker} workers")


def _one_of(choices: tuple[str, ...], name: str, value: str) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    # A member of an enumeration of strings becomes the plain string.
    return choices[choices.index(value)]


def _text(name: str, value: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text that is not empty, not {value!r}")
    return value
