"""A function as the answer to `get_function_server` lists it: sections 8.2 and 8.4 of the wire protocol.

The entries are such that generators of the original's clients write working files from them. What cannot be written is
left out; the functions can be called all the same.
"""

from __future__ import annotations

import functools
import inspect
import keyword
import re
import sys
from collections.abc import Callable
from inspect import Parameter
from types import FunctionType
from typing import Any

from prpc.source_text import NO_VALUE, evaluated, is_annotation
from prpc.values import Tagger, Unsendable

_SCALARS = (type(None), bool, int, float)
_DEPTH = 6
"""How deep a default lies in what the runtime is told about the program."""


def entry(function: Callable[..., Any], name: str) -> dict[str, Any] | None:
    """The entry of a function; None if its name cannot stand in a file."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return None
    parameters = [
        parameter
        for parameter in parameters_of(function)
        if parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    ]
    required = [parameter for parameter in parameters if parameter.default is Parameter.empty]
    by_position = [parameter for parameter in required if parameter.kind is not Parameter.KEYWORD_ONLY]
    if len(by_position) < 2:
        # The generator writes a single one as `(a)`, which is no tuple.
        by_position = []
    by_name = [parameter for parameter in required if parameter not in by_position]
    defaults = [_with_default(parameter) for parameter in parameters if parameter.default is not Parameter.empty]
    return {
        "func_name": name,
        "func_args": [_required(parameter) for parameter in by_position],
        "func_kwargs": [_required(parameter) for parameter in by_name] + [found for found in defaults if found],
    }


def callable_by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or one that also takes its positional-only parameters by name, as generated stubs send them."""
    names = [parameter.name for parameter in parameters_of(function) if parameter.kind is Parameter.POSITIONAL_ONLY]
    if not names:
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        positional = list(args)
        for name in names[len(positional) :]:
            if name not in kwargs:
                break
            positional.append(kwargs.pop(name))
        return function(*positional, **kwargs)

    return call


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function; none if nobody knows them."""
    for read in (inspect.signature, _unevaluated, _unannotated):
        try:
            return list(read(function).parameters.values())
        except Exception:  # builtins without a signature, or code of the program: `__signature__`, annotations
            continue
    return []


def _unevaluated(function: Callable[..., Any]) -> inspect.Signature:
    """With annotations as text: since Python 3.14 they are evaluated only here, and may name what is not there."""
    if sys.version_info < (3, 14):
        raise TypeError("annotations are values already")
    from annotationlib import Format

    return inspect.signature(function, annotation_format=Format.STRING)


def _unannotated(function: Callable[..., Any]) -> inspect.Signature:
    plain = inspect.unwrap(function)
    if not isinstance(plain, FunctionType):
        raise TypeError("only functions written in Python have parameters to read")
    copy = FunctionType(plain.__code__, {}, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__kwdefaults__ = plain.__kwdefaults__
    return inspect.signature(copy)


def _required(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {"name": parameter.name}
    if parameter.annotation is not Parameter.empty:
        text = _annotation_text(parameter.annotation)
        if text is not None and is_annotation(text, taken=()):
            described["annotation"] = text
    return described


def _annotation_text(annotation: Any) -> str | None:
    try:
        text = str(annotation)
    except Exception:  # code of the program
        return None
    found = re.fullmatch(r"<class '(.*)'>", text)
    return (found[1] if found else text).replace("builtins.", "").replace("typing.", "")


def _with_default(parameter: Parameter) -> dict[str, Any] | None:
    default = _default(parameter.default)
    return None if default is NO_VALUE else {"name": parameter.name, "default": default}


def _default(value: Any) -> Any:
    """What stands for a default: the value, or its source as a string, or NO_VALUE."""
    try:
        source = repr(value)
    except Exception:  # code of the program
        return NO_VALUE
    if not _same(evaluated(source), value):
        return NO_VALUE
    if type(value) in _SCALARS:
        return value
    if type(value) is str:
        return source
    # Most programs have no such default, and start sooner without what messages are made of.
    from prpc.native import read_message, write_message
    from prpc.prpcmessage import PRPCMessage

    try:
        arrived = read_message(write_message(PRPCMessage("", (value,)))).func_args[0]
    except (TypeError, ValueError):
        return NO_VALUE
    return value if _same(arrived, value) and _fits(value) else source


def _fits(value: Any) -> bool:
    try:
        Tagger().tag(value, _DEPTH)
    except Unsendable:
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types throughout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return _same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return bool(one == other) and {type(item) for item in one} == {type(item) for item in other}
    return bool(one == other)
