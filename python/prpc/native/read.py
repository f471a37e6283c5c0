"""JSON trees as values, by a closed grammar: every accepted form is listed here, everything else is refused.

Nothing that a document names is ever imported, looked up or called. References (`py/id`) are understood.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from datetime import date, datetime, time, tzinfo
from decimal import InvalidOperation
from typing import Any
from uuid import UUID

from prpc.native.grammar import MAX_DEPTH, MAX_VALUES, RESERVED, NativeError
from prpc.native.reduced import CALLEES
from prpc.native.write import base64

_HEX_ID = re.compile(r"[0-9a-fA-F]{32}\Z")
_OPEN = object()


class _Reader:
    """Decodes nodes in document order and numbers them on the way."""

    def __init__(self) -> None:
        self.numbered: list[Any] = []
        self.sizes: list[int] = []
        self.count = 0

    def open(self) -> int:
        self.numbered.append(_OPEN)
        self.sizes.append(self.count)
        return len(self.numbered) - 1

    def close(self, number: int, value: Any) -> Any:
        self.numbered[number] = value
        self.sizes[number] = self.count - self.sizes[number] + 1
        return value

    def grow(self, number: int) -> None:
        self.count += number
        if self.count > MAX_VALUES:
            raise NativeError("expansion")

    def node(self, tree: Any, depth: int = 1) -> Any:
        if depth > MAX_DEPTH:
            raise NativeError("too-deep")
        if type(tree) is list:
            number = self.open()
            self.grow(len(tree))
            items = []
            for item in tree:
                items.append(self.node(item, depth + 1))
            return self.close(number, items)
        if type(tree) is not dict:
            return tree
        if RESERVED.isdisjoint(tree):
            number = self.open()
            self.grow(len(tree))
            members = {}
            for name, item in tree.items():
                members[name] = self.node(item, depth + 1)
            return self.close(number, members)
        return self.tagged(tree, depth)

    def tagged(self, tree: dict[str, Any], depth: int) -> Any:
        for tag, read in _TAGS.items():
            if tag in tree:
                return read(self, tree, depth)
        raise NativeError("tag", ", ".join(sorted(RESERVED & tree.keys())))

    def items(self, tree: Any, depth: int) -> list[Any]:
        """The elements of an array that belongs to a tag: the array itself takes no number."""
        if type(tree) is not list:
            raise NativeError("form", "an array was expected")
        self.grow(len(tree))
        values = []
        for item in tree:
            values.append(self.node(item, depth + 1))
        return values

    def tuple(self, tree: dict[str, Any], depth: int) -> tuple[Any, ...]:
        _members(tree, "py/tuple")
        return tuple(self.items(tree["py/tuple"], depth + 1))

    def set(self, tree: dict[str, Any], depth: int) -> set[Any]:
        _members(tree, "py/set")
        items = self.items(tree["py/set"], depth + 1)
        try:
            return set(items)
        except TypeError:
            raise NativeError("form", "a set element is not hashable") from None

    def bytes(self, tree: dict[str, Any], depth: int) -> bytes:
        _members(tree, "py/b64")
        return _unbase64(tree["py/b64"])

    def reference(self, tree: dict[str, Any], depth: int) -> Any:
        _members(tree, "py/id")
        number = tree["py/id"]
        if type(number) is not int or not 0 <= number < len(self.numbered):
            raise NativeError("reference", repr(number)[:40])
        value = self.numbered[number]
        if value is _OPEN:
            raise NativeError("cycle")
        self.grow(self.sizes[number])
        return value

    def object(self, tree: dict[str, Any], depth: int) -> Any:
        name = tree["py/object"]
        if name == "uuid.UUID":
            number = self.open()
            _members(tree, "py/object", "hex")
            digits = tree["hex"]
            if type(digits) is not str or not _HEX_ID.match(digits):
                raise NativeError("form", "UUID")
            return self.close(number, UUID(hex=digits))
        if name == "builtins.complex":
            number = self.open()
            _members(tree, "py/object", "py/newargs")
            pair = tree["py/newargs"]
            if type(pair) is not dict:
                raise NativeError("form", "complex")
            _members(pair, "py/tuple")
            parts = self.items(pair["py/tuple"], depth + 2)
            if len(parts) != 2 or any(type(part) not in (int, float) for part in parts):
                raise NativeError("form", "complex")
            try:
                return self.close(number, complex(*parts))
            except OverflowError:
                raise NativeError("form", "complex") from None
        if type(name) is str and name in ("datetime.datetime", "datetime.date", "datetime.time"):
            number = self.open()
            return self.close(number, self.moment(name, tree, depth))
        raise NativeError("tag", f"py/object {str(name)[:80]}")

    def moment(self, name: str, tree: dict[str, Any], depth: int) -> Any:
        _members(tree, "py/object", "__reduce__")
        reduced = tree["__reduce__"]
        if type(reduced) is not list or len(reduced) != 2 or reduced[0] != {"py/type": name}:
            raise NativeError("form", name)
        parts = reduced[1]
        if type(parts) is not list or len(parts) not in ((1,) if name == "datetime.date" else (1, 2)):
            raise NativeError("form", name)
        zone = None
        if len(parts) == 2:
            self.grow(1)
            zone = self.node(parts[1], depth + 3)
            if not isinstance(zone, tzinfo):
                raise NativeError("form", "zone")
        if name == "datetime.datetime":
            return read_instant(parts[0], zone)
        payload = _unbase64(parts[0])
        try:
            if name == "datetime.date" and len(payload) == 4:
                return date(int.from_bytes(payload[:2], "big"), payload[2], payload[3])
            if name == "datetime.time" and len(payload) == 6:
                hour, minute, second = payload[:3]
                return time(hour, minute, second, int.from_bytes(payload[3:], "big"), zone)
        except ValueError:
            pass
        raise NativeError("form", name)

    def reduce(self, tree: dict[str, Any], depth: int) -> Any:
        number = self.open()
        parts = tree["py/reduce"]
        if type(parts) is not list or not parts:
            raise NativeError("form", "py/reduce")
        head = parts[0]
        build = None
        if type(head) is dict and len(head) == 1:
            ((kind, name),) = head.items()
            build = CALLEES.get((kind, name)) if type(name) is str else None
        if build is None:
            raise NativeError("tag", f"py/reduce {str(head)[:80]}")
        _members(tree, "py/reduce")
        if len(parts) != 2 or type(parts[1]) is not dict:
            raise NativeError("form", "py/reduce")
        args = parts[1]
        _members(args, "py/tuple")
        values = self.items(args["py/tuple"], depth + 3)
        try:
            value = build(values)
        except (TypeError, ValueError, OverflowError, InvalidOperation, LookupError, OSError):
            raise NativeError("form", name) from None
        return self.close(number, value)


def read_instant(text: Any, zone: tzinfo | None) -> datetime:
    """A datetime from its payload."""
    payload = _unbase64(text)
    if len(payload) == 10:
        year, microsecond = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[7:], "big")
        month, day, hour, minute, second = payload[2:7]
        try:
            return datetime(year, month, day, hour, minute, second, microsecond, zone)
        except ValueError:
            pass
    raise NativeError("form", "datetime.datetime")


def _members(tree: dict[str, Any], *names: str) -> None:
    if len(tree) != len(names) or any(name not in tree for name in names):
        raise NativeError("form", f"members of {names[0]}")


def _unbase64(text: Any) -> bytes:
    if type(text) is str:
        try:
            data = b64decode(text, validate=True)
        except ValueError:
            pass
        else:
            if base64(data) == text:
                return data
    raise NativeError("form", "base64")


_TAGS: dict[str, Callable[[_Reader, dict[str, Any], int], Any]] = {
    "py/object": _Reader.object,
    "py/reduce": _Reader.reduce,
    "py/tuple": _Reader.tuple,
    "py/set": _Reader.set,
    "py/b64": _Reader.bytes,
    "py/id": _Reader.reference,
}


def read_members(tree: dict[str, Any]) -> dict[str, Any]:
    """The members of a message's tree but for its class."""
    reader = _Reader()
    reader.open()
    reader.grow(len(tree))
    members: dict[str, Any] = {}
    try:
        for name, item in tree.items():
            if name == "py/object":
                continue
            if name in RESERVED:
                raise NativeError("tag", name)
            members[name] = reader.node(item, 2)
    except RecursionError:
        raise NativeError("too-deep") from None
    return members
