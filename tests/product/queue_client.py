"""One queue as its callers see it: requests are added to streams, replies are read from keys."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID, uuid4

from deadline import PATIENCE, until
from prpc.native import CLASS_PATHS, read_reply, write_message
from prpc.prpcmessage import PRPCMessage
from redis_server import RedisServer

GROUP = "prpc_group_consumers"
_numbers = itertools.count(1)


class CallFailed(Exception):
    """The reply is an error; its text is the reply's."""


class Queue:
    """A queue that nobody else uses."""

    def __init__(self, server: RedisServer, name: str | None = None) -> None:
        self.server = server
        self.redis = server.client
        self.name = name or f"q{next(_numbers)}"
        self.streams = {"native": f"prpc_{self.name}", "raw": f"prpc_raw_{self.name}"}

    @property
    def variables(self) -> dict[str, str]:
        """What a worker's environment says about it."""
        return {"PRPC_TYPE_BROKER": "redis", "PRPC_URL_BROKER": self.server.url, "PRPC_QUEUE_NAME": self.name}

    # ------------------------------------------------------------------------------------------------- requests

    def add(self, document: str | bytes, family: str = "native") -> str:
        """Adds a request as it stands and gives the entry's id."""
        entry: bytes = self.redis.xadd(self.streams[family], {"message": document})
        return entry.decode()

    def send(self, function: str, *args: Any, **kwargs: Any) -> UUID:
        """Sends a call as a Python client does."""
        return self.send_message(PRPCMessage(function, args, kwargs))

    def send_message(self, message: PRPCMessage, class_path: str = CLASS_PATHS[0]) -> UUID:
        """Sends a message of one's own making."""
        self.add(write_message(message, class_path))
        return message.message_id

    def send_raw(self, function: str, *args: Any, **kwargs: Any) -> UUID:
        """Sends a call as a program in any language does."""
        call = uuid4()
        request = {"func_name": function, "func_args": args, "func_kwargs": kwargs, "message_id": str(call)}
        self.add(json.dumps(request), "raw")
        return call

    # -------------------------------------------------------------------------------------------------- replies

    def reply_key(self, call: UUID | str, family: str = "native") -> str:
        """The key that holds the reply to a call."""
        return f"prpc_feedback_{'raw_' if family == 'raw' else ''}{self.name}_{call}"

    def document(self, call: UUID | str, family: str = "native", seconds: float = PATIENCE) -> bytes:
        """Waits for the reply to a call and takes it away."""
        key = self.reply_key(call, family)
        document: bytes = until(lambda: self.redis.get(key), f"a reply to {call}", seconds)
        self.redis.delete(key)
        return document

    def reply(self, call: UUID, seconds: float = PATIENCE) -> PRPCMessage:
        """Waits for the reply to a native call."""
        return read_reply(self.document(call, seconds=seconds))

    def raw_reply(self, call: UUID, seconds: float = PATIENCE) -> dict[str, Any]:
        """Waits for the reply to a raw call."""
        reply: dict[str, Any] = json.loads(self.document(call, "raw", seconds))
        return reply

    def result(self, call: UUID, seconds: float = PATIENCE) -> Any:
        """What a call returned; CallFailed if its reply is an error."""
        reply = self.reply(call, seconds)
        if reply.exception_info:
            raise CallFailed(reply.exception_info)
        return reply.result

    def error(self, call: UUID, seconds: float = PATIENCE) -> str:
        """The error text of a call that must not succeed."""
        reply = self.reply(call, seconds)
        assert reply.exception_info, f"the call returned {reply.result!r}"
        assert reply.result is None
        return reply.exception_info

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Sends a call and waits for what it returns."""
        return self.result(self.send(function, *args, **kwargs))

    def answered(self, calls: list[UUID]) -> list[UUID]:
        """Those of the calls whose reply is there now."""
        replies = self.redis.mget([self.reply_key(call) for call in calls])
        return [call for call, reply in zip(calls, replies, strict=True) if reply is not None]

    # ---------------------------------------------------------------------------------------- what the server has

    def entries(self) -> int:
        """Requests that are not finished, taken or not."""
        return sum(self.redis.xlen(stream) for stream in self.streams.values())

    def pending(self) -> int:
        """Requests that a worker has taken and not finished."""
        count = 0
        for stream in self.streams.values():
            groups = self.redis.xinfo_groups(stream) if self.redis.exists(stream) else []
            count += sum(group["pending"] for group in groups if group["name"] == GROUP.encode())
        return count

    def dead(self) -> list[dict[str, bytes]]:
        """The dead letters, oldest first."""
        records = self.redis.xrange(f"prpc_dead_{self.name}")
        return [{name.decode(): value for name, value in fields.items()} for _, fields in records]

    def until_settled(self) -> None:
        """Waits until nothing is left to do: no entry, nothing pending."""
        until(lambda: self.entries() == 0 and self.pending() == 0, "no entry is left and none is pending")
