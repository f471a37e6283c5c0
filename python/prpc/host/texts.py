"""Long texts of calls and results, which lie in memory that the runtime and this host share instead of in frames.

A frame names such a text by its place. Each side writes to a ring of its own and says how far it has read the other's.
A text that finds no room stands in the frame, so nobody ever waits for any.
"""

from __future__ import annotations

import json

from prpc.values import LongText, untag_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RING = 16 << 20
"""Bytes of a ring, and of the longest text in it. Memory is taken only for what was ever written."""
_COUNTERS = 4096
SIZE = _COUNTERS + 2 * RING


class Texts:
    """Both rings. What is read must be read in the order of the frames; one thread at a time reads, and one writes."""

    def __init__(self, memory: memoryview) -> None:
        self._read = memory[:16].cast("Q")
        """How far we have read the runtime's ring, and the runtime ours."""
        self._incoming, self._outgoing = memory[_COUNTERS : _COUNTERS + RING], memory[_COUNTERS + RING : SIZE]
        self._written = self._begin = 0
        """What was written to our ring, and from where on it is not read for sure."""
        self.scan = json.JSONDecoder(object_hook=self._untag).scan_once  # type: ignore[attr-defined]
        """Reads a document with tags."""
        self.encode = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=self._place).encode
        """Writes a document that may hold a LongText."""

    @property
    def unread(self) -> bool:
        """Whether the runtime has not read all of ours."""
        return max(self._read[1], self._begin) < self._written

    def _untag(self, tree: dict[str, Any]) -> Any:
        place = tree.get("$text")
        return untag_object(tree) if place is None or len(tree) > 1 else self._take(*place)

    def _take(self, position: int, length: int) -> str:
        start = position % RING
        text = str(self._incoming[start : start + length], "utf-8")
        self._read[0] = position + length
        return text

    def _place(self, long: LongText) -> Any:
        """What stands in a document for a text: its place, or if there is no room the text."""
        data = long.text.encode()
        begin = max(self._read[1], self._begin)
        if begin >= self._written:
            # What is warm is used again, and memory that was never written is not taken.
            begin = self._begin = self._written = _next_round(self._written)
        fits = self._written % RING + len(data) <= RING
        position = self._written if fits else _next_round(self._written)
        if position + len(data) - begin > RING:
            return long.text
        start = position % RING
        self._outgoing[start : start + len(data)] = data
        self._written = position + len(data)
        return {"$text": [position, len(data)]}


def _next_round(position: int) -> int:
    return -(-position // RING) * RING
