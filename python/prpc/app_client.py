"""The client: calling a function is creating an `AwaitableTask`.

Names and signatures are the original's. Responsible for what a program sees: documents are read and written by
`prpc.native`, they are carried by what `prpc.broker` finds in the settings.
"""

from __future__ import annotations

import atexit
import os
import threading
from datetime import timedelta
from typing import Any

from prpc.broker import Broker, Settings
from prpc.native import read_reply, read_reply_to, write_message
from prpc.prpcmessage import PRPCMessage
from prpc.waiting import Limit, LimitPassed

__all__ = ["AwaitableTask", "ClientTimeOutError", "get_function_server", "ping"]

KEPT_REQUEST = 64 << 10
"""Characters of a request that is kept until the reply is there, to read that faster."""


class ClientTimeOutError(Exception):
    """The caller's own limit has passed. The call goes on, and waiting again is allowed."""

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(f"the task was completed by wait timeout {timeout.total_seconds()} secs.")


class AwaitableTask:
    """A call that has been sent."""

    def __init__(
        self,
        func_name: str,
        args: tuple[Any, ...] | list[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Check the arguments and send the call at once.

        TypeError or ValueError if an argument cannot be sent, the broker's connection error (`redis.ConnectionError`,
        with Kafka `ConnectionError`) if it is out of reach.
        """
        self._message = PRPCMessage(func_name, args, {} if kwargs is None else kwargs)
        self._sent: str | None = write_message(self._message)
        self._call = _process.broker().send(self._message.message_id, self._sent)
        if len(self._sent) > KEPT_REQUEST:
            self._sent = None

    @property
    def message(self) -> PRPCMessage:
        """The request; once the reply is there, the reply."""
        return self._message

    @property
    def time_execution(self) -> timedelta | None:
        """Time from creation to completion, or None while the call is open."""
        if self._message.date_done_message is None:
            return None
        return self._message.date_done_message - self._message.date_create_message

    def is_done_task(self, *, update_status: bool = False) -> bool:
        """Whether the reply is there; with `update_status` the broker is asked for it."""
        if update_status and not self._message.is_message_done():
            self._call.look()
            self._take()
        return self._message.is_message_done()

    def get_result(self) -> Any:
        """The result that has arrived. Exception for an error reply and while the call is open."""
        if not self._message.is_message_done():
            raise Exception("task in process")
        if self._message.exception_info:
            raise Exception(self._message.exception_info)
        return self._message.result

    def sync_wait_result_task(self, timeout: timedelta | float | None = None) -> Any:
        """Block until the reply is there and return its result.

        `timeout` is a timedelta or seconds. Exception for an error reply, ClientTimeOutError at the limit, the broker's
        connection error if it stays out of reach for 30 s.
        """
        if not self._message.is_message_done():
            limit = Limit(timeout)
            try:
                self._call.sync_wait(limit)
            except LimitPassed:
                raise _over(limit) from None
            self._take()
        return self.get_result()

    async def async_wait_result_task(self, timeout: timedelta | float | None = None) -> Any:
        """Like `sync_wait_result_task`, without blocking the event loop."""
        if not self._message.is_message_done():
            limit = Limit(timeout)
            try:
                await self._call.async_wait(limit)
            except LimitPassed:
                raise _over(limit) from None
            self._take()
        return self.get_result()

    def _take(self) -> None:
        document = self._call.reply
        if document is None or self._message.is_message_done():
            return
        reply = read_reply_to(self._message, self._sent, document) if self._sent else read_reply(document)
        if reply.message_id != self._message.message_id:
            raise ValueError(f"the reply to {self._message.message_id} belongs to another call: {reply.message_id}")
        self._message = reply
        self._call.done()


def _over(limit: Limit) -> ClientTimeOutError:
    assert limit.timeout is not None, "only a limit passes"
    return ClientTimeOutError(limit.timeout)


def ping() -> AwaitableTask:
    """Call the server's own function `ping`; its result is `pong`."""
    return AwaitableTask("ping", (), {})


def get_function_server() -> AwaitableTask:
    """Call the server's own function that lists its functions."""
    return AwaitableTask("get_function_server", (), {})


class _Process:
    """What the tasks of one process share: settings, read once, and the broker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._broker: Broker | None = None
        self._all: dict[Settings, Broker] = {}

    def broker(self) -> Broker:
        if self._broker is None:
            with self._lock:
                settings = Settings.from_environment()
                self._broker = self._all.get(settings) or settings.broker()
                self._all[settings] = self._broker
        return self._broker

    def at_exit(self) -> None:
        for broker in self._all.values():
            broker.at_exit()

    def forked(self) -> None:
        """In a forked child: connect anew, to whatever the environment says then."""
        self._lock, self._broker = threading.Lock(), None
        for broker in self._all.values():
            broker.forked()


_process = _Process()
atexit.register(lambda: _process.at_exit())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _process.forked())
