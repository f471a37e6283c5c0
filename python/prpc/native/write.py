"""Values as JSON trees and texts. References (`py/id`) are never written."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prpc.native.grammar import MAX_NESTED_VALUES, MAX_VALUES, RESERVED


def base64(data: bytes) -> str:
    """The standard alphabet, padded."""
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
    parts: list[Any] = [base64(payload)]
    if zone is not None:
        parts.append(_zone(zone))
    return {"py/object": name, "__reduce__": [{"py/type": name}, parts]}


def _instant(value: datetime) -> bytes:
    day = value.year.to_bytes(2, "big") + bytes((value.month, value.day))
    return day + bytes((value.hour, value.minute, value.second)) + value.microsecond.to_bytes(3, "big")


def _datetime(value: datetime) -> dict[str, Any]:
    return _moment("datetime.datetime", _instant(value), value.tzinfo)


def _date(value: date) -> dict[str, Any]:
    return _moment("datetime.date", value.year.to_bytes(2, "big") + bytes((value.month, value.day)), None)


def _time(value: time) -> dict[str, Any]:
    payload = bytes((value.hour, value.minute, value.second)) + value.microsecond.to_bytes(3, "big")
    return _moment("datetime.time", payload, value.tzinfo)


_LEAVES: dict[type, Callable[[Any], Any]] = {
    bytes: lambda value: {"py/b64": base64(value)},
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


def _around_utc_payload() -> tuple[str, str]:
    any_payload = base64(bytes(10))
    head, tail = json.dumps(_moment("datetime.datetime", bytes(10), timezone.utc)).split(any_payload)
    return head, tail


UTC_HEAD, UTC_TAIL = _around_utc_payload()
"""The text of a datetime in UTC, before and after its payload of 16 characters."""


def text_of(value: Any) -> str:
    """The JSON text that stands for `value`, like `encode`. What every message has is written without a tree."""
    if value is None:
        return "null"
    kind = type(value)
    if kind is UUID:
        return f'{{"py/object": "uuid.UUID", "hex": "{value.hex}"}}'
    if kind is datetime and value.tzinfo is timezone.utc:
        return f"{UTC_HEAD}{base64(_instant(value))}{UTC_TAIL}"
    return json.dumps(encode(value))
