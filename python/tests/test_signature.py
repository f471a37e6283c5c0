"""What a server lists makes working stubs with the original's generator and with ours."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import functools
import keyword
import sys
import typing
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import vectors
from prpc.create_server_func import HEAD, generate
from prpc.signature import callable_by_name, entry
from prpc.values import tag

CASES = vectors.load("stubs")


class Color(enum.Enum):
    """A class that clients do not have."""

    RED = 1


NAMES = {
    **{name: getattr(typing, name) for name in typing.__all__},
    **{"typing": typing, "datetime": datetime, "decimal": decimal, "uuid": uuid, "Color": Color},
    "T": typing.TypeVar("T"),
}


def define(source: str) -> Callable[..., Any]:
    names = dict(NAMES)
    exec(compile(source, "<vector>", "exec", dont_inherit=True), names)
    function: Callable[..., Any] = next(value for name, value in names.items() if name not in NAMES and callable(value))
    return function


def original_stub(listed: dict[str, Any]) -> str:
    """As the original's generator writes it: section 8.3 of the wire protocol."""

    def head(parameter: dict[str, Any]) -> str:
        text = str(parameter["name"])
        if "default" in parameter:
            text += f"={parameter['default']}"
        return text + (f":{parameter['annotation']}" if "annotation" in parameter else "")

    args, kwargs = listed["func_args"], listed["func_kwargs"]
    names = ", ".join(parameter["name"] for parameter in args)
    pairs = ", ".join(f"'{parameter['name']}': {parameter['name']}" for parameter in kwargs)
    return (
        f"def {listed['func_name']}({', '.join(map(head, args + kwargs))}):\n"
        f"\treturn AwaitableTask('{listed['func_name']}', ({names}), {{{pairs}}})"
    )


def call_through(stub: str, function: Callable[..., Any], *args: Any) -> Any:
    """What `function` returns when the stub, in a module as the original's generator writes it, is called."""
    names: dict[str, Any] = {"AwaitableTask": lambda name, args, kwargs: function(*args, **kwargs)}
    exec(compile(f"from typing import *\n{stub}", "<server_func>", "exec", dont_inherit=True), names)
    return names["f"](*args)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_entry_of_a_function_is_the_vectors(case: dict[str, Any]) -> None:
    function = define(case["source"])
    listed = entry(function, function.__name__)
    expected = case["fixed_value"] if case["expect"] == "fixed" else case["value"]
    assert vectors.same(listed, vectors.value(expected)), listed
    assert listed is not None
    stub = case["fixed_bytes"] if case["expect"] == "fixed" else case["bytes"]
    assert original_stub(listed) == stub
    exec(compile(f"from typing import *\n{stub}", case["name"], "exec", dont_inherit=True), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert generate([listed]) == f"{HEAD}{stub} \n\n\n\n\n"


def broken_annotation(a: no_such_type, b: int = 2) -> None:  # type: ignore[name-defined]  # noqa: F821
    """An annotation that names what clients do not have."""


def int_keys(value: dict[int, str] = {1: "one"}) -> None:  # noqa: B006
    """A default that the wire changes."""


def reserved_key(value: dict[str, str] = {"py/object": "os.system"}) -> None:  # noqa: B006
    """A default that cannot travel."""


def nested_class(value: list[Color] = [Color.RED]) -> None:  # noqa: B006
    """A default whose text is no literal."""


def big_float(value: float = float("inf")) -> None:
    """A default whose text is a name."""


def position_only(a: int, b: int = 2, /, *, c: int) -> tuple[int, int, int]:
    """Parameters of every kind."""
    return a, b, c


def keyword_only(a: int, b: int, *, c: int, d: int = 4) -> None:
    """What has no default comes before what has one."""


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (broken_annotation, [], [{"name": "a"}, {"name": "b", "default": 2}]),
        (int_keys, [], [{"name": "value", "default": "{1: 'one'}"}]),
        (reserved_key, [], []),
        (nested_class, [], []),
        (big_float, [], []),
        (
            position_only,
            [],
            [{"name": "a", "annotation": "int"}, {"name": "c", "annotation": "int"}, {"name": "b", "default": 2}],
        ),
        (
            keyword_only,
            [{"name": "a", "annotation": "int"}, {"name": "b", "annotation": "int"}],
            [{"name": "c", "annotation": "int"}, {"name": "d", "default": 4}],
        ),
    ],
)
def test_what_cannot_be_written_into_a_file_is_left_out(
    function: Callable[..., Any], args: list[Any], kwargs: list[Any]
) -> None:
    listed = entry(function, "f")
    assert listed is not None
    assert (listed["func_args"], listed["func_kwargs"]) == (args, kwargs)


@pytest.mark.parametrize("function", [print, dict.fromkeys, int])
def test_functions_that_are_not_written_in_python_are_listed_too(function: Callable[..., Any]) -> None:
    listed = entry(function, "f")
    assert listed is not None
    compile(original_stub(listed), "builtin", "exec")


@pytest.mark.parametrize("name", ["os.system", "<lambda>", "", "1f", *keyword.kwlist])
def test_a_function_whose_name_cannot_be_defined_is_not_listed(name: str) -> None:
    assert entry(position_only, name) is None


class Unprintable:
    """What a program may put anywhere, and what fails whenever it is looked at."""

    def __str__(self) -> str:
        raise RuntimeError("unprintable")

    __repr__ = __str__

    @property
    def __signature__(self) -> Any:
        raise RuntimeError("no signature")

    def __call__(self, a: int) -> None:
        """Take what the signature does not tell."""


def test_annotations_and_defaults_that_fail_when_shown_are_left_out() -> None:
    def f(a: Any, b: Any, c: Any = Unprintable(), d: int = 1) -> None: ...  # noqa: B008

    f.__annotations__["a"] = Unprintable()
    assert entry(f, "f") == {
        "func_name": "f",
        "func_args": [{"name": "a"}, {"name": "b", "annotation": "Any"}],
        "func_kwargs": [{"name": "d", "default": 1}],
    }


def test_a_callable_whose_signature_fails_is_listed_without_parameters() -> None:
    assert entry(Unprintable(), "f") == {"func_name": "f", "func_args": [], "func_kwargs": []}


def test_a_function_whose_signature_cannot_be_made_keeps_its_parameters() -> None:
    kept = 0

    def f(a: int, b: int, /, *rest: int, c: int, d: int = 4) -> int:
        return kept

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any: ...

    f.__signature__ = "nonsense"  # type: ignore[attr-defined]
    for function in (f, wrapped):
        listed = entry(function, "f")
        assert listed is not None
        assert [parameter["name"] for parameter in listed["func_args"]] == ["a", "b"]
        assert listed["func_kwargs"] == [{"name": "c"}, {"name": "d", "default": 4}]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="earlier versions evaluate annotations at the definition")
@pytest.mark.parametrize("broken", ["NoSuchType", "typing.no_such_type", "'text' | None"])
def test_an_annotation_that_cannot_be_evaluated_does_not_cost_the_parameters(broken: str) -> None:
    listed = entry(define(f"def f(a: {broken}, b, c=1): pass"), "f")
    assert listed == {
        "func_name": "f",
        "func_args": [{"name": "a"}, {"name": "b"}],
        "func_kwargs": [{"name": "c", "default": 1}],
    }


def test_a_decorated_function_is_listed_with_the_parameters_it_wraps() -> None:
    @functools.wraps(keyword_only)
    def wrapped(*args: Any, **kwargs: Any) -> Any: ...

    assert entry(wrapped, "f") == entry(keyword_only, "f")


@pytest.mark.parametrize("depth", [10, 190, 194, 195, 197, 198, 199, 205, 900])
def test_a_default_never_keeps_the_program_from_being_told_to_the_runtime(depth: int) -> None:
    def f(a: Any = functools.reduce(lambda inner, _: [inner], range(depth), 1)) -> None: ...  # type: ignore  # noqa

    tag({"functions": [{"name": "f", "entry": entry(f, "f")}]})


@pytest.mark.parametrize(
    "value", ["", "text\n'\"", "\ud800", {1: "one"}, {None: 1}, [set()], (1,), range(3), -0.0, 1 - 2j]
)
def test_a_default_arrives_through_the_stub_of_the_original(value: Any) -> None:
    def f(a: Any = value) -> Any:
        return a

    listed = entry(f, "f")
    assert listed is not None and listed["func_kwargs"]
    assert vectors.same(call_through(original_stub(listed), f), value)


def test_every_kind_of_parameter_is_reached_through_the_stub_of_the_original() -> None:
    listed = entry(position_only, "f")
    assert listed is not None
    assert call_through(original_stub(listed), callable_by_name(position_only), 1, 3) == (1, 2, 3)


def test_positional_only_parameters_can_be_given_by_name() -> None:
    call = callable_by_name(position_only)
    assert call(a=1, c=3) == call(1, c=3) == (1, 2, 3)
    assert call(1, b=5, c=3) == call(b=5, a=1, c=3) == (1, 5, 3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        call(c=3)
    assert callable_by_name(keyword_only) is keyword_only


def test_a_coroutine_function_stays_one_when_called_by_name() -> None:
    async def wait(a: int, /) -> int:
        return a

    assert asyncio.run(callable_by_name(wait)(a=5)) == 5
