"""Redis' wire form: commands out, values in. No I/O.

redis-py has this too, but its reader is bound to its connections and cannot return after a push message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ServerError(Exception):
    """Redis answered with an error."""


class Push(list[Any]):
    """A message that is nobody's answer."""


class _Incomplete(Exception):
    pass


def pack(*words: str | bytes) -> bytes:
    """One command."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode() if isinstance(word, str) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class Reader:
    """Cuts what comes from a socket into values: bytes, int, float, bool, None, lists, ServerError and Push."""

    def __init__(self) -> None:
        self._data = bytearray()

    def read(self, data: bytes) -> list[Any]:
        """The values that are complete after these bytes. ValueError if they are not Redis' wire form."""
        self._data += data
        values, end = [], 0
        try:
            while end < len(self._data):
                value, end = self._value(end)
                values.append(value)
        except _Incomplete:
            pass
        del self._data[:end]
        return values

    def _value(self, start: int) -> tuple[Any, int]:
        line = self._data.find(b"\r\n", start)
        if line < 0:
            raise _Incomplete
        kind, text, end = self._data[start], self._data[start + 1 : line], line + 2
        scalar = _SCALARS.get(kind)
        if scalar is not None:
            return scalar(text), end
        length = int(text)
        if length < 0:
            return None, end
        if kind in b"$=!":
            if len(self._data) < end + length + 2:
                raise _Incomplete
            content = bytes(self._data[end : end + length])
            return ServerError(content.decode(errors="replace")) if kind == ord("!") else content, end + length + 2
        if kind not in b"*~>%|":
            raise ValueError(f"an answer of the unknown kind {chr(kind)!r}")
        items: list[Any] = Push() if kind == ord(">") else []
        for _ in range(2 * length if kind in b"%|" else length):
            item, end = self._value(end)
            items.append(item)
        return items, end


_SCALARS: dict[int, Callable[[bytearray], Any]] = {
    ord("+"): bytes,
    ord("-"): lambda text: ServerError(text.decode(errors="replace")),
    ord(":"): int,
    ord("("): int,
    ord(","): float,
    ord("#"): lambda text: text == b"t",
    ord("_"): lambda _: None,
}
