"""The values of `py/reduce`: the few callees of the closed grammar, each a function that checks its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}\Z")


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


CALLEES: dict[tuple[str, str], Callable[[list[Any]], Any]] = {
    ("py/type", "datetime.timedelta"): _build_timedelta,
    ("py/type", "datetime.timezone"): _build_timezone,
    ("py/type", "decimal.Decimal"): _build_decimal,
    ("py/type", "builtins.frozenset"): _build_frozenset,
    ("py/type", "builtins.range"): _build_range,
    ("py/function", "zoneinfo.ZoneInfo._unpickle"): _build_zone,
}
