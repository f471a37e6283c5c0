"""A function as the answer to `get_function_server` lists it: sections 8.2 and 8.4 of the wire protocol.

The entries are such that generators of the original's clients write working files from them. What cannot be written is
left out; the functions can be called all the same.
"""

from __future__ import annotations

import builtins
import functools
import keyword
from math import isfinite
from types import UnionType

from prpc.parameters import MISSING, Kind, parameters_of
from prpc.values import Tagger, Unsendable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from prpc.parameters import Parameter

_DEPTH = 6
"""How deep a default lies in what the runtime is told about the program."""


def entry(function: Callable[..., Any], name: str) -> dict[str, Any] | None:
    """The entry of a function; None if its name cannot stand in a file."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return None
    parameters = parameters_of(function)
    required = [parameter for parameter in parameters if parameter.default is MISSING]
    by_position = [parameter for parameter in required if parameter.kind is not Kind.KEYWORD_ONLY]
    if len(by_position) < 2:
        # The generator writes a single one as `(a)`, which is no tuple.
        by_position = []
    by_name = [parameter for parameter in required if parameter not in by_position]
    defaults = [_with_default(parameter) for parameter in parameters if parameter.default is not MISSING]
    return {
        "func_name": name,
        "func_args": [_required(parameter) for parameter in by_position],
        "func_kwargs": [_required(parameter) for parameter in by_name] + [found for found in defaults if found],
    }


def callable_by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or one that also takes its positional-only parameters by name, as generated stubs send them."""
    names = [parameter.name for parameter in parameters_of(function) if parameter.kind is Kind.POSITIONAL_ONLY]
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


def _required(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {"name": parameter.name}
    if parameter.annotation is not MISSING:
        text = _annotation_text(parameter.annotation)
        if text is not None and (_is_of_builtins(parameter.annotation) or _is_annotation(text)):
            described["annotation"] = text
    return described


def _is_of_builtins(annotation: Any) -> bool:
    """Whether an annotation is a builtin class, or several: most are, and need no reading of their text."""
    if type(annotation) is UnionType:
        return all(kind is type(None) or _is_of_builtins(kind) for kind in annotation.__args__)
    return type(annotation) is type and vars(builtins).get(annotation.__name__) is annotation


def _is_annotation(text: str) -> bool:
    from prpc.source_text import is_annotation

    return is_annotation(text, taken=())


def _annotation_text(annotation: Any) -> str | None:
    try:
        text = str(annotation)
    except Exception:  # code of the program
        return None
    if text.startswith("<class '") and text.endswith("'>"):
        text = text[len("<class '") : -len("'>")]
    return text.replace("builtins.", "").replace("typing.", "")


def _with_default(parameter: Parameter) -> dict[str, Any] | None:
    default = _default(parameter.default)
    return None if default is MISSING else {"name": parameter.name, "default": default}


def _default(value: Any) -> Any:
    """What stands for a default: the value, or its source as a string, or MISSING."""
    try:
        source = repr(value)
    except Exception:  # code of the program, or a number of too many digits
        return MISSING
    if value is None or type(value) in (bool, int) or (type(value) is float and isfinite(value)):
        return value
    if type(value) is str:
        return source
    # Most programs have no such default, and start sooner without what sources and messages are read with.
    from prpc.native import read_message, write_message
    from prpc.prpcmessage import PRPCMessage
    from prpc.source_text import evaluated

    if not _same(evaluated(source), value):
        return MISSING
    try:
        arrived = read_message(write_message(PRPCMessage("", (value,)))).func_args[0]
    except (TypeError, ValueError):
        return MISSING
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
