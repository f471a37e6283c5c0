"""Process workers: one call at a time on the main thread, so that a signal reaches the function and SIGKILL ends it."""

from __future__ import annotations

import socket
from time import monotonic_ns

from prpc.host.frames import FrameReader, Kind, send
from prpc.host.outcome import Function, Result, frames, raised, returned


def run(sock: socket.socket, page: memoryview, functions: list[Function]) -> None:
    """Run calls until the runtime wants no more or is gone."""
    reader = FrameReader(sock)
    while (received := reader.receive()) is not None:
        for kind, document in received:
            if kind == Kind.CALLS:
                for call, function, args, kwargs in document:
                    result, tagged = _run(page, call, functions[function], args, kwargs)
                    for frame in frames([result], tagged):
                        sock.sendall(frame)
            elif kind == Kind.RECALL:
                send(sock, Kind.RECALLED, [])
            elif kind == Kind.DRAIN:
                send(sock, Kind.DRAINED, [])
                return


def _run(
    page: memoryview, call: int, function: Function, args: list[object], kwargs: dict[str, object]
) -> tuple[Result, bool]:
    page[1] = start = monotonic_ns()
    page[0] = call
    try:
        value = function(*args, **kwargs)
    except BaseException as error:
        result = raised(call, error, monotonic_ns() - start), False
    else:
        result = returned(call, value, monotonic_ns() - start)
    page[0] = 0
    return result
