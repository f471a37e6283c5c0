"""What may stand in generated Python source: literals, and annotations made of names of `typing` and of builtin types.

A closed grammar on both sides: the server lists only what belongs to it, the client's generator pastes nothing else.
"""

from __future__ import annotations

import ast
import builtins
import typing
import warnings
from collections.abc import Container
from typing import Any

NO_VALUE = object()
"""What a text stands for that is no literal."""

_TYPES = {name: value for name, value in vars(builtins).items() if isinstance(value, type)}
_TYPING = {name: getattr(typing, name) for name in typing.__all__}
_BUILDERS: dict[str, Any] = {"set": set, "frozenset": frozenset, "range": range}


def evaluated(source: str) -> Any:
    """The value of a literal, or of a set, frozenset or range made from literals; else NO_VALUE."""
    tree = _parsed(source)
    try:
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
            return _BUILDERS[tree.func.id](*(ast.literal_eval(arg) for arg in tree.args))
        return NO_VALUE if tree is None else ast.literal_eval(tree)
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError):
        return NO_VALUE


def is_annotation(text: Any, taken: Container[Any]) -> bool:
    """Whether the text evaluates after `from typing import *`, in a module that defines the names `taken`."""
    tree = _parsed(text) if isinstance(text, str) else None
    if tree is None:
        return False
    known = {name: value for name, value in {**_TYPES, **_TYPING}.items() if name not in taken}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if node.id not in known:
                return False
        elif isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.BitOr):
                return False
        elif not isinstance(node, (ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.Load, ast.BitOr)):
            return False
    try:
        eval(compile(ast.Expression(tree), "<annotation>", "eval"), {"__builtins__": {}}, known)
    except Exception:  # whatever the types of typing raise
        return False
    return True


def _parsed(source: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
