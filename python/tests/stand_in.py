"""A server for client tests: it takes calls from the stream and answers as the protocol says."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import redis

from prpc.native import read_message, write_message
from prpc.prpcmessage import PRPCMessage

SUMM = {"func_name": "summ", "func_args": [{"name": "a", "annotation": "int | float"}, {"name": "b"}]}
ENTRIES = [
    {"func_name": "ping", "func_args": [], "func_kwargs": []},
    {**SUMM, "func_kwargs": [{"name": "z", "default": 0.5}]},
]


class StandIn:
    """Answers what it knows at once and holds back calls of `held` until `release`."""

    def __init__(self, client: redis.Redis, queue: str, pushes: bool) -> None:
        self.client = client
        self.queue = queue
        self.pushes = pushes
        self.entries: list[dict[bytes, bytes]] = []
        self.held: list[tuple[PRPCMessage, bytes | None]] = []
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Answer the calls that were held back."""
        while self.held:
            self._answer(*self.held.pop())

    def close(self) -> None:
        self._open = False
        self._thread.join(10)

    def _run(self) -> None:
        stream, last = f"prpc_{self.queue}", b"0"
        while self._open:
            try:
                answer: Any = self.client.xread({stream: last}, block=100)
            except redis.ConnectionError:
                continue
            entries = answer.items() if isinstance(answer, dict) else answer
            for _, items in entries:
                for entry, fields in _flat(items):
                    last = entry
                    self.entries.append(fields)
                    request = read_message(fields[b"message"])
                    if request.func_name in ("held", "never"):
                        self.held.append((request, fields.get(b"push")))
                    else:
                        self._answer(request, fields.get(b"push"))

    def _answer(self, request: PRPCMessage, channel: bytes | None) -> None:
        fill_in(request)
        key, reply = f"prpc_feedback_{self.queue}_{request.message_id}", write_message(request)
        self.client.set(key, reply, ex=60)
        if self.pushes and channel is not None:
            self.client.publish(channel, f"{key}\n{reply}")


def fill_in(request: PRPCMessage, now: datetime | None = None) -> None:
    """Make the request a reply."""
    name = request.func_name
    if name == "fail":
        request.exception_info = "boom"
    elif name == "summ":
        request.result = sum(request.func_args) + request.func_kwargs["z"]
    elif name == "get_function_server":
        request.result = ENTRIES
    elif name == "nothing":
        request.result = None
    else:
        request.result = [request.func_args, request.func_kwargs]
    request.date_done_message = now or datetime.now(timezone.utc)


def _flat(items: list[Any]) -> list[Any]:
    """The entries, whether or not redis-py wrapped them once more (RESP3)."""
    return items[0] if items and isinstance(items[0], list) else items
