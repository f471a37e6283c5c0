"""Frames on a socket: `u32 length | u8 kind | u8 codec | u16 flags`, little-endian, then JSON text."""

from __future__ import annotations

import json
import socket
import struct
import sys
from enum import IntEnum

from prpc.values import untag_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Scan = Callable[[str, int], tuple[Any, int]]
    """Reads a document that begins there; and where it ends."""

    Frame = tuple[int, Any]
    """The kind of a frame, and its document."""

HEADER = struct.Struct("<IBBH")
CODEC_JSON = 0
TAGGED = 1
LONGEST_PAYLOAD = 64 << 20
_BUFFER = 64 << 10
_DEEP = 10_000


class Kind(IntEnum):
    """What a frame is about. The numbers are the protocol."""

    HELLO = 1
    REGISTER = 2
    READY = 4
    CALLS = 5
    RESULTS = 6
    CANCEL = 7
    RECALL = 8
    RECALLED = 9
    FORK = 10
    FORKED = 11
    DRAIN = 12
    DRAINED = 13
    FAILED = 14


_plain: Scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_tagged: Scan = json.JSONDecoder(object_hook=untag_object).scan_once  # type: ignore[attr-defined]
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def read_document(text: str, tagged: bool, scan_tagged: Scan = _tagged) -> Any:
    """The value of a payload."""
    scan = scan_tagged if tagged else _plain
    try:
        return scan(text, 0)[0]
    except RecursionError:
        # The wire allows more levels than Python's limit for its own calls.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEEP)
        try:
            return scan(text, 0)[0]
        finally:
            sys.setrecursionlimit(limit)


def write_document(tree: Any) -> bytes:
    """The payload of a JSON tree."""
    return _encode(tree).encode("ascii")


def write_frame(kind: Kind, payload: bytes, tagged: bool = False) -> bytes:
    """A frame around a payload."""
    return HEADER.pack(len(payload), kind, CODEC_JSON, TAGGED if tagged else 0) + payload


def send(sock: socket.socket, kind: Kind, tree: Any, tagged: bool = False) -> None:
    """Send one document."""
    sock.sendall(write_frame(kind, write_document(tree), tagged))


class FrameReader:
    """Cuts what comes from a socket into frames, and reads documents with tags by `scan`."""

    def __init__(self, sock: socket.socket, scan: Scan = _tagged) -> None:
        self._sock, self._scan = sock, scan
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0

    def receive(self) -> list[Frame] | None:
        """The frames that are complete after one more read of the socket; None at its end."""
        self._make_room()
        count = self._sock.recv_into(self._buffer[self._end :])
        if count == 0:
            return None
        self._end += count
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        body = self._start + HEADER.size
        if body > self._end:
            return None
        length, kind, codec, flags = HEADER.unpack_from(self._buffer, self._start)
        if codec != CODEC_JSON or length > LONGEST_PAYLOAD:
            raise ValueError(f"a frame of codec {codec} and {length} bytes is not one of the host protocol")
        if body + length > self._end:
            return None
        self._start = body + length
        text = str(self._buffer[body : self._start], "utf-8")
        return kind, read_document(text, bool(flags & TAGGED), self._scan)

    def _make_room(self) -> None:
        rest = self._end - self._start
        if rest == 0:
            self._start = self._end = 0
            if len(self._buffer) > _BUFFER:
                self._buffer = memoryview(bytearray(_BUFFER))
            return
        needed = HEADER.size
        if rest >= HEADER.size:
            needed += HEADER.unpack_from(self._buffer, self._start)[0]
        if self._start + needed <= len(self._buffer) and self._end < len(self._buffer):
            return
        grown = memoryview(bytearray(max(needed, _BUFFER)))
        grown[:rest] = self._buffer[self._start : self._end]
        self._buffer, self._start, self._end = grown, 0, rest
