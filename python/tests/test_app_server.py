"""What a program may register, and how it becomes the runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from prpc import AppServer, runtime
from prpc.host.program import description

URL = "redis://localhost:6379/0"


def sync() -> None:
    """A plain function."""


async def coroutine() -> None:
    """A coroutine function."""


@pytest.mark.parametrize(
    "settings",
    [
        {"type_broker": "rabbit"},
        {"broker_url": ""},
        {"default_type_worker": "fiber"},
        {"max_number_worker": 0},
        {"max_number_worker": True},
        {"timeout_worker": 5},
        {"timeout_worker": timedelta(0)},
        {"name_queue": ""},
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        AppServer(**{"type_broker": "redis", "broker_url": URL, **settings})


def test_a_queue_on_kafka_is_told_to_the_runtime_like_any_other() -> None:
    app = AppServer(type_broker="kafka", broker_url="a:9092,b:9092", name_queue="orders", group_name="workers")
    told = description(app)["constructor"]
    assert (told["type_broker"], told["broker_url"]) == ("kafka", "a:9092,b:9092")
    assert (told["queue"], told["group"]) == ("orders", "workers")


@pytest.mark.parametrize(
    ("default", "worker", "function", "fits"),
    [
        ("thread", None, sync, True),
        ("thread", None, coroutine, False),
        ("async", None, coroutine, True),
        ("async", None, sync, False),
        ("async", "process", sync, True),
        ("process", "async", coroutine, True),
        ("thread", "async", sync, False),
    ],
)
def test_async_workers_take_coroutine_functions_and_no_others_do(
    default: str, worker: str | None, function: Callable[..., Any], fits: bool
) -> None:
    app = AppServer("redis", URL, default)
    if fits:
        app.register_func(function, worker)
        assert [(found.function, found.worker) for found in app.functions] == [(function, worker)]
    else:
        with pytest.raises(TypeError, match="async def"):
            app.register_func(function, worker)


def test_the_environments_worker_type_wins_over_the_constructors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRPC_WORKER_TYPE", "async")
    app = AppServer("redis", URL, "thread")
    app.register_func(coroutine)
    with pytest.raises(TypeError, match="async def"):
        app.register_func(sync)


def test_names_that_are_taken_are_refused() -> None:
    app = AppServer("redis", URL)
    app.register_func(sync)
    with pytest.raises(ValueError, match="'sync' is registered already"):
        app.register_func(sync)
    for name in ("ping", "get_function_server"):

        def function() -> None:
            """Would hide a function of the server."""

        function.__name__ = name
        with pytest.raises(ValueError, match="every server answers"):
            app.register_func(function)


def test_a_decorated_function_stays_what_it_is_and_several_can_be_registered_at_once() -> None:
    app = AppServer("redis", URL)
    assert app.decorator_reg_func("process")(sync) is sync
    app.register_funcs(coroutine, worker_type="async")
    assert [(found.name, found.worker) for found in app.functions] == [("sync", "process"), ("coroutine", "async")]


RUNTIME = '#!/bin/sh\necho "$1|$PRPC_APP|$PRPC_ARGV|$PRPC_PYTHON"\n'
PROGRAM = f'from prpc import AppServer\nAppServer("redis", "{URL}").start()\n'


@pytest.fixture
def fake_runtime(tmp_path: Path) -> Path:
    binary = tmp_path / "prpc"
    binary.write_text(RUNTIME)
    binary.chmod(0o755)
    return binary


@pytest.mark.parametrize("as_module", [False, True])
def test_start_becomes_the_runtime_with_the_program_and_its_arguments(fake_runtime: Path, as_module: bool) -> None:
    script = fake_runtime.with_name("server.py")
    script.write_text(PROGRAM)
    package = str(Path(runtime.__file__).parents[1])
    environment = {**os.environ, "PRPC_RUNTIME": str(fake_runtime), "PYTHONPATH": package}
    arguments = ["-m", "server"] if as_module else [str(script)]
    told = subprocess.run(
        [sys.executable, *arguments, "-v"], env=environment, cwd=script.parent, capture_output=True, text=True
    )
    app = "-m server" if as_module else script
    assert told.stdout.strip() == f'run|{app}|["-v"]|{sys.executable}', told.stderr


def test_a_named_runtime_that_is_none_is_an_error_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRPC_RUNTIME", "/nowhere/prpc")
    with pytest.raises(RuntimeError, match="PRPC_RUNTIME=/nowhere/prpc is not a program"):
        runtime.find()


def test_without_any_runtime_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PRPC_RUNTIME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(runtime, "_script_folders", lambda: iter([tmp_path]))
    with pytest.raises(RuntimeError, match="pip install prpc"):
        runtime.find()
