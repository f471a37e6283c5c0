"""Values in frames between the runtime and a host: JSON, with `$` tags for what JSON lacks.

Finite floats, NaN, infinities and integers of any size are plain literals. The tags are those of the protocol's
appendix A. Only exact types are accepted, so that nothing arrives as something else.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_DEPTH = 200
MAX_VALUES = 1_000_000
_SAFE_BITS = 14284  # every integer of so many bits has at most 4300 digits


class Unsendable(Exception):
    """A value cannot travel. The text says why and names the type."""


def key_text(key: object) -> str:
    """The text that a dict key becomes."""
    if type(key) is str:
        return key
    return "null" if key is None else repr(key)


def _days(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _zone(zone: tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return {"$timezone": _days(offset), "name": _text(name[0]) if name else None}
    if _late(type(zone)) is _zone:
        key = zone.key  # type: ignore[attr-defined]
        if key is not None:
            return {"$zone": key}
    raise _unsupported(zone)


def _unsupported(value: object) -> Unsendable:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Unsendable(f"a value of type {name} cannot be sent")


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unsendable("a value of type str with a lone surrogate cannot be sent") from None
    return value


def _big(value: int) -> int:
    if value.bit_length() > _SAFE_BITS and abs(value) >= 10**4300:
        raise Unsendable("a value of type int with more than 4300 digits cannot be sent")
    return value


def _range(value: range) -> dict[str, Any]:
    return {"$range": [_big(value.start), _big(value.stop), _big(value.step)]}


_LEAVES: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: {"$bytes": value.hex()},
    datetime: lambda value: {
        "$datetime": value.replace(tzinfo=None).isoformat(timespec="microseconds"),
        "tz": _zone(value.tzinfo),
    },
    date: lambda value: {"$date": value.isoformat()},
    time: lambda value: {
        "$time": value.replace(tzinfo=None).isoformat(timespec="microseconds"),
        "tz": _zone(value.tzinfo),
    },
    timedelta: lambda value: {"$timedelta": _days(value)},
    timezone: _zone,
    complex: lambda value: {"$complex": [repr(value.real), repr(value.imag)]},
    range: _range,
}
_LATE_LEAVES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "UUID": ("uuid", lambda value: {"$uuid": str(value)}),
    "ZoneInfo": ("zoneinfo", _zone),
    "Decimal": ("decimal", lambda value: {"$decimal": str(value)}),
}
"""Types by name, with their modules: a program that uses none of them starts without importing them."""


def _late(kind: type) -> Callable[[Any], Any] | None:
    """What writes values of a type whose module may not have been imported."""
    module, write = _LATE_LEAVES.get(kind.__name__, ("", None))
    return write if getattr(sys.modules.get(module), kind.__name__, None) is kind else None


_NAMES: dict[type, str] = {tuple: "$tuple", set: "$set", frozenset: "$frozenset"}


class LongText:
    """Stands in a tree for a text that need not travel as JSON."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Tagger:
    """Writes one value. `tagged` says afterwards whether the tree contains tags, to which a LongText will become.

    Texts of more than `longest` characters become a LongText.
    """

    __slots__ = ("_longest", "count", "tagged")

    def __init__(self, longest: int = sys.maxsize) -> None:
        self._longest = longest
        self.tagged = False
        self.count = 0

    def tag(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of `value`; Unsendable if there is none."""
        kind = type(value)
        if kind is str:
            if len(value) <= self._longest:
                return _text(value)
            self.tagged = True
            return LongText(_text(value))
        if kind is int:
            return _big(value)
        if value is None or kind is bool or kind is float:
            return value
        if depth >= MAX_DEPTH:
            raise Unsendable(f"a value of type {kind.__name__} that is cyclic or nested too deeply cannot be sent")
        if kind is dict:
            self._grow(len(value))
            members: dict[str, Any] = {}
            special = False
            for key, item in value.items():
                name = _text(key_text(key))
                if name[:1] == "$":
                    special = True
                members[name] = self.tag(item, depth + 1)
            if special:
                self.tagged = True
                return {"$dict": [[name, item] for name, item in members.items()]}
            return members
        if kind is list or kind in _NAMES:
            self._grow(len(value))
            items = []
            for item in value:
                items.append(self.tag(item, depth + 1))
            if kind is list:
                return items
            self.tagged = True
            return {_NAMES[kind]: items}
        leaf = _LEAVES.get(kind) or _late(kind)
        if leaf is None:
            raise _unsupported(value)
        self.tagged = True
        return leaf(value)

    def _grow(self, number: int) -> None:
        self.count += number
        if self.count > MAX_VALUES:
            raise Unsendable("more than 1000000 values cannot be sent")


def tag(value: Any) -> Any:
    """The JSON tree of one value."""
    return Tagger().tag(value)


_READERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "$int": lambda text, _: int(text),
    "$float": lambda text, _: float(text),
    "$complex": lambda parts, _: complex(float(parts[0]), float(parts[1])),
    "$decimal": lambda text, _: import_module("decimal").Decimal(text),
    "$range": lambda parts, _: range(*parts),
    "$tuple": lambda items, _: tuple(items),
    "$set": lambda items, _: set(items),
    "$frozenset": lambda items, _: frozenset(items),
    "$dict": lambda pairs, _: dict(pairs),
    "$bytes": lambda text, _: bytes.fromhex(text),
    "$uuid": lambda text, _: import_module("uuid").UUID(text),
    "$datetime": lambda text, tree: datetime.fromisoformat(text).replace(tzinfo=tree.get("tz")),
    "$date": lambda text, _: date.fromisoformat(text),
    "$time": lambda text, tree: time.fromisoformat(text).replace(tzinfo=tree.get("tz")),
    "$timedelta": lambda parts, _: timedelta(*parts),
    "$timezone": lambda parts, tree: (
        timezone(timedelta(*parts)) if tree.get("name") is None else timezone(timedelta(*parts), tree["name"])
    ),
    "$zone": lambda name, _: import_module("zoneinfo").ZoneInfo(name),
}


def untag_object(tree: dict[str, Any]) -> Any:
    """`object_hook` for `json.loads`: turns a tagged object, whose parts are done already, into its value."""
    if not tree:
        return tree
    name = next(iter(tree))
    if name[:1] == "$":
        read = _READERS.get(name)
        if read is not None:
            return read(tree[name], tree)
    return tree


def untag(tree: Any) -> Any:
    """The value of a parsed tree."""
    if type(tree) is list:
        return [untag(item) for item in tree]
    if type(tree) is dict:
        return untag_object({name: untag(item) for name, item in tree.items()})
    return tree
