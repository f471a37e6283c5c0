"""The parameters of functions, as far as a server needs them.

Most functions are plain, and tell all by themselves. `inspect` knows the others; a program without any starts sooner
without it.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from inspect import Signature
    from typing import Any

MISSING = object()
"""Stands for a default or an annotation that a parameter does not have."""

_COROUTINE = 0x80
"""`inspect.CO_COROUTINE`"""


class Kind(IntEnum):
    """How a parameter is given. The numbers are those of `inspect`."""

    POSITIONAL_ONLY = 0
    POSITIONAL_OR_KEYWORD = 1
    VAR_POSITIONAL = 2
    KEYWORD_ONLY = 3
    VAR_KEYWORD = 4


class Parameter:
    """A parameter; `default` and `annotation` may be MISSING."""

    __slots__ = ("annotation", "default", "kind", "name")

    def __init__(self, name: str, kind: Kind, default: Any, annotation: Any) -> None:
        self.name, self.kind, self.default, self.annotation = name, kind, default, annotation


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """The named parameters of a function; none if nobody knows them."""
    for read in (_plain, _inspected, _unevaluated, _unannotated):
        try:
            return read(function)
        except Exception:  # builtins without a signature, or code of the program: `__signature__`, annotations
            continue
    return []


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calls of a function must be awaited."""
    code = _code(function)
    if code is not None:
        return bool(code.co_flags & _COROUTINE)
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function)


def _code(function: Callable[..., Any]) -> CodeType | None:
    """The code of a function, if it says all: attributes may say otherwise, like `__wrapped__`, `__signature__`."""
    return function.__code__ if type(function) is FunctionType and not function.__dict__ else None


def _plain(function: Any) -> list[Parameter]:
    code = _code(function)
    if code is None:
        raise TypeError("not a plain function")
    annotations = function.__annotations__
    by_position, defaults = code.co_argcount, function.__defaults__ or ()
    kinds = [Kind.POSITIONAL_ONLY] * code.co_posonlyargcount
    kinds += [Kind.POSITIONAL_OR_KEYWORD] * (by_position - len(kinds)) + [Kind.KEYWORD_ONLY] * code.co_kwonlyargcount
    names = code.co_varnames[: len(kinds)]
    known = dict(zip(names[by_position - len(defaults) : by_position], defaults, strict=True))
    known.update(function.__kwdefaults__ or {})
    return [
        Parameter(name, kind, known.get(name, MISSING), annotations.get(name, MISSING))
        for name, kind in zip(names, kinds, strict=True)
    ]


def _inspected(function: Callable[..., Any]) -> list[Parameter]:
    from inspect import signature

    return _named(signature(function))


def _unevaluated(function: Callable[..., Any]) -> list[Parameter]:
    """With annotations as text: since Python 3.14 they are evaluated only here, and may name what is not there."""
    if sys.version_info < (3, 14):
        raise TypeError("annotations are values already")
    from inspect import signature

    from annotationlib import Format

    return _named(signature(function, annotation_format=Format.STRING))


def _unannotated(function: Callable[..., Any]) -> list[Parameter]:
    from inspect import unwrap

    plain = unwrap(function)
    if not isinstance(plain, FunctionType):
        raise TypeError("only functions written in Python have parameters to read")
    copy = FunctionType(plain.__code__, {}, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__kwdefaults__ = plain.__kwdefaults__
    return _plain(copy)


def _named(signature: Signature) -> list[Parameter]:
    def known(value: Any) -> Any:
        return MISSING if value is signature.empty else value

    found = [
        Parameter(each.name, Kind(each.kind), known(each.default), known(each.annotation))
        for each in signature.parameters.values()
    ]
    return [each for each in found if each.kind not in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD)]
