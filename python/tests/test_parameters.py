"""What plain functions tell of themselves is what `inspect` finds out."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable
from typing import Any

import pytest

from prpc.parameters import MISSING, is_coroutine_function, parameters_of

Described = list[tuple[str, int, Any, Any]]


def ours(function: Callable[..., Any]) -> Described:
    return [(each.name, int(each.kind), each.default, each.annotation) for each in parameters_of(function)]


def inspected(function: Callable[..., Any]) -> Described:
    def known(value: Any) -> Any:
        return MISSING if value is inspect.Parameter.empty else value

    return [
        (each.name, int(each.kind), known(each.default), known(each.annotation))
        for each in inspect.signature(function).parameters.values()
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def define(source: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    function: Callable[..., Any] = names["f"]
    return function


HEADS = [
    *(
        ", ".join(filter(None, (*by_position, "*rest, e, f: str, g=4", rest)))
        for *by_position, rest in itertools.product(
            ("", "a, /", "a, b: int = 1, /"), ("", "c: int = 2, d=3"), ("", "**more")
        )
    ),
    *("", "a", "a: int, b", "a, b: 'str' = 'x', *, c", "a, *, b=None", "*a", "**a", "a, /, b, *, c, **d"),
]


@pytest.mark.parametrize("head", HEADS)
def test_a_plain_function_tells_its_parameters(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = define(f"def f({head}):\n    local = 1\n    return local")
    expected = inspected(function)
    monkeypatch.setitem(sys.modules, "inspect", None)
    assert ours(function) == expected


def twice(a: int, b: str = "x") -> None:
    """A function that others wrap."""


@functools.wraps(twice)
def wrapped(*args: Any, **kwargs: Any) -> None:
    """What decorators make."""


def signed(*args: Any) -> None:
    """Says itself what it takes."""


signed.__signature__ = inspect.signature(twice)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "function", [wrapped, signed, functools.partial(twice, 1), [].append, "".join], ids=lambda function: repr(function)
)
def test_other_functions_have_the_parameters_that_inspect_knows(function: Callable[..., Any]) -> None:
    assert ours(function) == inspected(function)


async def awaited() -> None:
    """A coroutine function."""


@functools.wraps(awaited)
def not_awaited() -> None:
    """Wraps a coroutine function, and is none."""


@functools.wraps(twice)
async def awaited_too() -> None:
    """Wraps another function."""


@pytest.mark.parametrize(
    "function", [twice, awaited, not_awaited, awaited_too, functools.partial(awaited), print], ids=lambda f: repr(f)
)
def test_a_coroutine_function_is_what_inspect_takes_for_one(function: Callable[..., Any]) -> None:
    assert is_coroutine_function(function) == inspect.iscoroutinefunction(function)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="functions can be marked since Python 3.12")
def test_a_function_that_is_marked_as_a_coroutine_function_is_one() -> None:
    mark = inspect.markcoroutinefunction  # type: ignore[attr-defined,unused-ignore]
    assert is_coroutine_function(mark(lambda: awaited()))
