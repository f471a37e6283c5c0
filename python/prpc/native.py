"""The native message form (jsonpickle documents), read and written by a closed grammar.

Nothing that a document names is ever imported, looked up or called: the accepted forms are listed here one by one
and everything else is refused with a reason word. References (`py/id`) are understood but never written.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prpc.prpcmessage import PRPCMessage

CLASS_PATHS = ("prpc.prpcmessage.PRPCMessage", "main.prpcmessage.PRPCMessage")
RESERVED = frozenset(
    {
        "py/bytes",
        "py/b64",
        "py/b85",
        "py/function",
        "py/id",
        "py/initargs",
        "py/iterator",
        "py/mod",
        "py/newargs",
        "py/newargsex",
        "py/newobj",
        "py/object",
        "py/property",
        "py/reduce",
        "py/ref",
        "py/repr",
        "py/seq",
        "py/set",
        "py/state",
        "py/tuple",
        "py/type",
        "py/default_factory",
    }
)
MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 512
MAX_NESTED_VALUES = 200
MAX_VALUES = 1_000_000

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}\Z")
_HEX_ID = re.compile(r"[0-9a-fA-F]{32}\Z")


class NativeError(ValueError):
    """A document was refused. `reason` is the reason word of the protocol."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


# ---------------------------------------------------------------------------------------------------- writing


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _reduce(kind: str, name: str, args: list[Any]) -> dict[str, Any]:
    return {"py/reduce": [{kind: name}, {"py/tuple": args}]}


def _zone(zone: tzinfo) -> dict[str, Any]:
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return _reduce("py/type", "datetime.timezone", [_timedelta(offset), *name])
    if type(zone) is ZoneInfo and zone.key is not None:
        return _reduce("py/function", "zoneinfo.ZoneInfo._unpickle", [zone.key, 1])
    raise TypeError(f"cannot send a value of type {type(zone).__module__}.{type(zone).__qualname__}")


def _timedelta(value: timedelta) -> dict[str, Any]:
    return _reduce("py/type", "datetime.timedelta", [value.days, value.seconds, value.microseconds])


def _moment(name: str, payload: bytes, zone: tzinfo | None) -> dict[str, Any]:
    parts: list[Any] = [_base64(payload)]
    if zone is not None:
        parts.append(_zone(zone))
    return {"py/object": name, "__reduce__": [{"py/type": name}, parts]}


def _datetime(value: datetime) -> dict[str, Any]:
    payload = value.year.to_bytes(2, "big") + bytes((value.month, value.day, value.hour, value.minute, value.second))
    return _moment("datetime.datetime", payload + value.microsecond.to_bytes(3, "big"), value.tzinfo)


def _date(value: date) -> dict[str, Any]:
    return _moment("datetime.date", value.year.to_bytes(2, "big") + bytes((value.month, value.day)), None)


def _time(value: time) -> dict[str, Any]:
    payload = bytes((value.hour, value.minute, value.second)) + value.microsecond.to_bytes(3, "big")
    return _moment("datetime.time", payload, value.tzinfo)


_LEAVES: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: {"py/b64": _base64(value)},
    UUID: lambda value: {"py/object": "uuid.UUID", "hex": value.hex},
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    timezone: _zone,
    ZoneInfo: _zone,
    Decimal: lambda value: _reduce("py/type", "decimal.Decimal", [str(value)]),
    complex: lambda value: {"py/object": "builtins.complex", "py/newargs": {"py/tuple": [value.real, value.imag]}},
    range: lambda value: _reduce("py/type", "builtins.range", [value.start, value.stop, value.step]),
}


def key_text(key: object) -> str:
    """The text that a dict key becomes on the wire."""
    if type(key) is str:
        return key
    return "null" if key is None else repr(key)


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("cannot send a string with a lone surrogate") from None
    return value


class _Writer:
    def __init__(self) -> None:
        self.count = 0

    def node(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is int or kind is float:
            return value
        if kind is str:
            return _text(value)
        if depth >= MAX_NESTED_VALUES:
            raise ValueError("cannot send a value that is cyclic or nested deeper than 200 values")
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            self.grow(len(value))
            items = []
            for item in value:
                items.append(self.node(item, depth + 1))
            if kind is list:
                return items
            if kind is frozenset:
                return _reduce("py/type", "builtins.frozenset", [items])
            return {"py/tuple" if kind is tuple else "py/set": items}
        if kind is dict:
            self.grow(len(value))
            members = {}
            for key, item in value.items():
                name = _text(key_text(key))
                if name in RESERVED:
                    raise ValueError(f"cannot send a dict with the reserved key {name!r}")
                members[name] = self.node(item, depth + 1)
            return members
        leaf = _LEAVES.get(kind)
        if leaf is None:
            raise TypeError(f"cannot send a value of type {kind.__module__}.{kind.__qualname__}")
        return leaf(value)

    def grow(self, number: int) -> None:
        self.count += number
        if self.count > MAX_VALUES:
            raise ValueError("cannot send more than 1000000 values")


def encode(value: Any) -> Any:
    """The JSON tree that stands for `value`. TypeError or ValueError if it is outside the protocol."""
    return _Writer().node(value, 0)


def write_message(message: PRPCMessage, class_path: str = CLASS_PATHS[0]) -> str:
    """The document for a message, without references."""
    tree: dict[str, Any] = {"py/object": class_path}
    for name in _FIELDS:
        tree[name] = encode(getattr(message, name))
    return json.dumps(tree)


# ---------------------------------------------------------------------------------------------------- reading

_FIELDS = (
    "func_name",
    "func_args",
    "func_kwargs",
    "message_id",
    "date_create_message",
    "result",
    "exception_info",
    "date_done_message",
)
_OPEN = object()


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NativeError("duplicate-key")
    return members


def _refuse_surrogates(tree: Any) -> None:
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise NativeError("surrogate") from None
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())


def parse(document: bytes | str) -> Any:
    """The JSON tree of a document, after the text checks of the protocol."""
    if isinstance(document, str):
        text = document
    else:
        if len(document) > MAX_BYTES:
            raise NativeError("too-large")
        try:
            text = document.decode()
        except UnicodeDecodeError:
            raise NativeError("not-utf8") from None
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        tree = json.loads(text, object_pairs_hook=_refuse_duplicates)
    except RecursionError:
        raise NativeError("too-deep") from None
    except json.JSONDecodeError as error:
        raise NativeError("not-json", str(error)) from None
    except NativeError:
        raise
    except ValueError:
        raise NativeError("big-number") from None
    if "\\u" in text:
        _refuse_surrogates(tree)
    return tree


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
        payload = _unbase64(parts[0])
        zone = None
        if len(parts) == 2:
            self.grow(1)
            zone = self.node(parts[1], depth + 3)
            if not isinstance(zone, tzinfo):
                raise NativeError("form", "zone")
        try:
            if name == "datetime.date" and len(payload) == 4:
                return date(int.from_bytes(payload[:2], "big"), payload[2], payload[3])
            if name == "datetime.time" and len(payload) == 6:
                hour, minute, second = payload[:3]
                return time(hour, minute, second, int.from_bytes(payload[3:], "big"), zone)
            if name == "datetime.datetime" and len(payload) == 10:
                year, microsecond = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[7:], "big")
                month, day, hour, minute, second = payload[2:7]
                return datetime(year, month, day, hour, minute, second, microsecond, zone)
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
            build = _CALLEES.get((kind, name)) if type(name) is str else None
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
            if _base64(data) == text:
                return data
    raise NativeError("form", "base64")


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError


def _build_timedelta(args: list[Any]) -> timedelta:
    _expect(len(args) == 3 and all(type(arg) is int for arg in args))
    days, seconds, microseconds = args
    _expect(0 <= seconds < 86400 and 0 <= microseconds < 1_000_000)
    return timedelta(days, seconds, microseconds)


def _build_timezone(args: list[Any]) -> timezone:
    _expect(len(args) in (1, 2) and type(args[0]) is timedelta and all(type(arg) is str for arg in args[1:]))
    return timezone(*args)


def _build_decimal(args: list[Any]) -> Decimal:
    _expect(len(args) == 1 and type(args[0]) is str)
    value = Decimal(args[0])
    _expect(str(value) == args[0])
    return value


def _build_frozenset(args: list[Any]) -> frozenset[Any]:
    _expect(len(args) == 1 and type(args[0]) is list)
    return frozenset(args[0])


def _build_range(args: list[Any]) -> range:
    _expect(len(args) == 3 and all(type(arg) is int for arg in args))
    return range(*args)


def _build_zone(args: list[Any]) -> ZoneInfo:
    _expect(len(args) == 2 and type(args[0]) is str and type(args[1]) is int and args[1] == 1)
    _expect(_ZONE_NAME.match(args[0]) is not None)
    return ZoneInfo(args[0])


_CALLEES: dict[tuple[str, str], Callable[[list[Any]], Any]] = {
    ("py/type", "datetime.timedelta"): _build_timedelta,
    ("py/type", "datetime.timezone"): _build_timezone,
    ("py/type", "decimal.Decimal"): _build_decimal,
    ("py/type", "builtins.frozenset"): _build_frozenset,
    ("py/type", "builtins.range"): _build_range,
    ("py/function", "zoneinfo.ZoneInfo._unpickle"): _build_zone,
}
_TAGS: dict[str, Callable[[_Reader, dict[str, Any], int], Any]] = {
    "py/object": _Reader.object,
    "py/reduce": _Reader.reduce,
    "py/tuple": _Reader.tuple,
    "py/set": _Reader.set,
    "py/b64": _Reader.bytes,
    "py/id": _Reader.reference,
}


def read_message(document: bytes | str) -> PRPCMessage:
    """A request or a reply. NativeError if the document is outside the grammar."""
    tree = parse(document)
    if type(tree) is not dict or tree.get("py/object") not in CLASS_PATHS:
        raise NativeError("not-message")
    reader = _Reader()
    reader.open()
    reader.grow(len(tree))
    fields: dict[str, Any] = {}
    try:
        for name, item in tree.items():
            if name == "py/object":
                continue
            if name in RESERVED:
                raise NativeError("tag", name)
            fields[name] = reader.node(item, 2)
    except RecursionError:
        raise NativeError("too-deep") from None
    for name in _FIELDS[:5]:
        if name not in fields:
            raise NativeError("missing", name)
    if (
        type(fields["func_name"]) is not str
        or len(fields["func_name"]) > 512
        or type(fields["func_args"]) not in (list, tuple)
        or type(fields["func_kwargs"]) is not dict
        or type(fields["message_id"]) is not UUID
        or type(fields["date_create_message"]) is not datetime
    ):
        raise NativeError("field")
    return PRPCMessage(**{name: fields[name] for name in _FIELDS if name in fields})


def read_reply(document: bytes | str) -> PRPCMessage:
    """A reply: a message whose outcome is present."""
    message = read_message(document)
    _check_outcome(message)
    return message


def read_reply_to(request: PRPCMessage, sent: str, document: bytes) -> PRPCMessage:
    """`read_reply` for the reply to a request that was sent in this form.

    A reply mostly repeats its request's text, as section 5 of the protocol allows; then only the outcome is read.
    """
    head = sent[: sent.rindex('"result"')].encode()
    if not document.startswith(head) or b'"py/id"' in document[len(head) :]:
        return read_reply(document)
    tree = parse(b"{" + document[len(head) :])
    if type(tree) is not dict or tuple(tree) != _FIELDS[5:]:
        return read_reply(document)
    reader = _Reader()
    reader.open()
    try:
        message = replace(request, **{name: reader.node(item, 2) for name, item in tree.items()})
    except RecursionError:
        raise NativeError("too-deep") from None
    _check_outcome(message)
    return message


def _check_outcome(message: PRPCMessage) -> None:
    if type(message.date_done_message) is not datetime or message.date_done_message.tzinfo is None:
        raise NativeError("field", "date_done_message")
    if message.exception_info is not None and type(message.exception_info) is not str:
        raise NativeError("field", "exception_info")
