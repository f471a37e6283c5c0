"""The client: calling a function is creating an `AwaitableTask`.

Names and signatures are the original's. Responsible for settings, sending, waiting and limits; documents are read and
written by `prpc.native`, the connection is `prpc.redis_link`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prpc.native import read_reply, read_reply_to, write_message
from prpc.prpcmessage import PRPCMessage
from prpc.redis_link import Answer, ConnectionLost, Flag, RedisLink, Watch

__all__ = ["AwaitableTask", "ClientTimeOutError", "get_function_server", "ping"]

CLIENT_MARK = "prpc/1"
KEPT_REQUEST = 64 << 10
"""Characters of a request that is kept until the reply is there, to read that faster."""
SMALL_REPLY = 4 << 10
"""Bytes of a reply that may stay in Redis a little longer after it was read."""
PATIENCE_FOR_PUSH = 0.002
"""Seconds until the first look, if the reply is to come by itself: not every server sends it."""
TRACKED_POLL = 1.0
FIRST_POLL = 0.002
POLL_GROWTH = 1.5
LONGEST_POLL = 0.25
LAST_LOOK = 0.25
RECONNECT_PAUSE = 0.1
RECONNECT_LIMIT = 30.0


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

        TypeError or ValueError if an argument cannot be sent, ConnectionLost if Redis is out of reach.
        """
        self._message = PRPCMessage(func_name, args, {} if kwargs is None else kwargs)
        self._sent: str | None = write_message(self._message)
        queue = _process.settings().queue_name
        self._key = f"prpc_feedback_{queue}_{self._message.message_id}"
        self._changed = Watch()
        """Set when the reply may be there, or has come."""
        self._awaits_push = False
        self._first_look: Answer | None = None
        """A look that was sent with the request."""
        self._send(f"prpc_{queue}", self._sent)
        if len(self._sent) > KEPT_REQUEST:
            self._sent = None

    def _send(self, stream: str, document: str) -> None:
        try:
            sent = self._begin(_process.link(), stream, document)
        except ConnectionLost:
            # Nothing was executed, so once more cannot call twice.
            sent = self._begin(_process.link(), stream, document)
        self._link.wait(sent, None)
        try:
            sent.result()
        except ConnectionLost as error:
            raise ConnectionLost(f"it is unknown whether the call was sent: {error}") from error

    def _begin(self, link: RedisLink, stream: str, document: str) -> Answer:
        # Redis may have closed it while it was idle.
        link.look_for_end()
        self._link = link
        link.watch(self._key, self._changed)
        request = ("XADD", stream, "*", "message", document, "client", CLIENT_MARK)
        if link.channel is not None:
            self._awaits_push = True
            return link.send((*request, "push", link.channel))[0]
        # The first look travels with the request: from then on Redis reports the reply.
        sent, self._first_look = link.send(request, ("GET", self._key))
        return sent

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
        """Whether the reply is there; with `update_status` Redis is asked for it."""
        if update_status and not self._message.is_message_done():
            self._first_look = None  # that was at the beginning
            look = self._look(_process.link())
            self._link.wait(look, None)
            self._take(self._changed.pushed or look.result())
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

        `timeout` is a timedelta or seconds. Exception for an error reply, ClientTimeOutError at the limit,
        ConnectionLost if Redis stays out of reach for 30 s.
        """
        pace = _Pace(timeout)
        if self._begin_to_wait():
            self._link.wait(self._changed, pace.before_first_look())
            self._take(self._changed.pushed)
        while not self._message.is_message_done():
            try:
                look = self._look(_process.link())
                if not self._link.wait(look, pace.patience()):
                    raise pace.over()
                self._take(look.result())
                if not self._message.is_message_done():
                    self._link.wait(self._changed, pace.pause(self._link.tracking))
                    self._take(self._changed.pushed)
            except ConnectionLost as error:
                time.sleep(pace.after_loss(error))
        return self.get_result()

    async def async_wait_result_task(self, timeout: timedelta | float | None = None) -> Any:
        """Like `sync_wait_result_task`, without blocking the event loop."""
        pace = _Pace(timeout)
        if self._begin_to_wait():
            self._link.serve()
            await _async_wait(self._changed, pace.before_first_look())
            self._take(self._changed.pushed)
        while not self._message.is_message_done():
            try:
                link = _process.live_link()
                if link is None:
                    link = await asyncio.to_thread(_process.link)
                link.serve()
                look = self._look(link)
                if not await _async_wait(look, pace.patience()):
                    raise pace.over()
                self._take(look.result())
                if not self._message.is_message_done():
                    await _async_wait(self._changed, pace.pause(link.tracking))
                    self._take(self._changed.pushed)
            except ConnectionLost as error:
                await asyncio.sleep(pace.after_loss(error))
        return self.get_result()

    def _begin_to_wait(self) -> bool:
        """Whether the reply is likely to come by itself."""
        awaits_push, self._awaits_push = self._awaits_push, False
        return awaits_push

    def _look(self, link: RedisLink) -> Answer:
        """Ask for the reply; the first time that was done with the request."""
        first, self._first_look = self._first_look, None
        if self._link is not link:
            link.watch(self._key, self._changed)
            self._link = link
        elif first is not None:
            return first
        self._changed.is_set = False
        return link.send(("GET", self._key))[0]

    def _take(self, document: bytes | None) -> None:
        if document is None or self._message.is_message_done():
            return
        reply = read_reply_to(self._message, self._sent, document) if self._sent else read_reply(document)
        if reply.message_id != self._message.message_id:
            raise ValueError(f"the reply at {self._key} belongs to another call: {reply.message_id}")
        # Before the deletion: a second waiter that finds nothing then finds the message done. The answer to DEL is not
        # awaited: if the connection breaks now, the key expires.
        self._message = reply
        self._link.unwatch(self._key)
        self._changed.set()
        self._link.announce()
        if len(document) <= SMALL_REPLY:
            # A packet of its own would take as long as a good part of the call.
            self._link.send_late("DEL", self._key)
        else:
            with contextlib.suppress(ConnectionLost):
                self._link.send(("DEL", self._key))


def ping() -> AwaitableTask:
    """Call the server's own function `ping`; its result is `pong`."""
    return AwaitableTask("ping", (), {})


def get_function_server() -> AwaitableTask:
    """Call the server's own function that lists its functions."""
    return AwaitableTask("get_function_server", (), {})


async def _async_wait(flag: Flag, seconds: float | None) -> bool:
    """Wait until the flag is set; False if that took too long."""
    happened = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
            loop.call_soon_threadsafe(happened.set)

    flag.wakes.append(wake)
    try:
        if not flag.is_set:
            await asyncio.wait_for(happened.wait(), seconds)
    except asyncio.TimeoutError:
        return flag.is_set
    finally:
        flag.wakes.remove(wake)
    return True


class _Pace:
    """When a waiting task looks again, and when it gives up."""

    def __init__(self, timeout: timedelta | float | None) -> None:
        if timeout is None or isinstance(timeout, timedelta):
            self.timeout = timeout
        else:
            self.timeout = timedelta(seconds=timeout)
        self.deadline = None if self.timeout is None else time.monotonic() + self.timeout.total_seconds()
        self.next_poll = FIRST_POLL
        self.lost_since: float | None = None

    def before_first_look(self) -> float:
        """Seconds to wait for a reply that is likely to come by itself."""
        patience = self.patience()
        return PATIENCE_FOR_PUSH if patience is None else min(PATIENCE_FOR_PUSH, patience)

    def pause(self, tracked: bool) -> float:
        """Seconds until the next look after one that found nothing."""
        self.lost_since = None
        if tracked:
            return self._limited(TRACKED_POLL)
        poll, self.next_poll = self.next_poll, min(self.next_poll * POLL_GROWTH, LONGEST_POLL)
        return self._limited(poll)

    def after_loss(self, error: ConnectionLost) -> float:
        """Seconds until the next attempt to connect; `error` is raised when that went on for too long."""
        now = time.monotonic()
        if self.lost_since is None:
            self.lost_since = now
        elif now - self.lost_since > RECONNECT_LIMIT:
            raise error
        return self._limited(RECONNECT_PAUSE)

    def patience(self) -> float | None:
        """Seconds that a look may take. The last one starts at the limit and gets a moment."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), LAST_LOOK)

    def over(self) -> ClientTimeOutError:
        """The error for a limit that has passed."""
        assert self.timeout is not None, "only a limit passes"
        return ClientTimeOutError(self.timeout)

    def _limited(self, pause: float) -> float:
        if self.deadline is None:
            return pause
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.over()
        return min(pause, left)


@dataclass(frozen=True)
class _Settings:
    url_broker: str
    queue_name: str

    @classmethod
    def from_environment(cls) -> _Settings:
        names = ("PRPC_TYPE_BROKER", "PRPC_URL_BROKER", "PRPC_QUEUE_NAME")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise AssertionError(f"the client needs environment variables that are not set: {', '.join(missing)}")
        type_broker, url, queue = (os.environ[name] for name in names)
        if type_broker == "kafka":
            raise NotImplementedError("PRPC_TYPE_BROKER=kafka: this client speaks Redis only, set it to redis")
        if type_broker != "redis":
            raise ValueError(f"PRPC_TYPE_BROKER={type_broker}: there is no such broker, set it to redis")
        return cls(url, queue)


class _Process:
    """What the tasks of one process share: settings, read once, and one connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: _Settings | None = None
        self._link: RedisLink | None = None

    def settings(self) -> _Settings:
        if self._settings is None:
            self._settings = _Settings.from_environment()
        return self._settings

    def live_link(self) -> RedisLink | None:
        link = self._link
        return None if link is None or link.dead else link

    def link(self) -> RedisLink:
        """The connection, made anew if it was lost. It may block while connecting."""
        link = self.live_link()
        if link is None:
            with self._lock:
                link = self.live_link()
                if link is None:
                    link = self._link = RedisLink(self.settings().url_broker)
        return link

    def flush(self) -> None:
        """Before the end: send what is late."""
        link = self.live_link()
        if link is not None:
            link.flush()

    def forked(self) -> None:
        """Start anew in a forked child, with its own connection and whatever the environment says then."""
        link = self._link
        self._lock, self._settings, self._link = threading.Lock(), None, None
        if link is not None:
            link.abandon()


_process = _Process()
atexit.register(lambda: _process.flush())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _process.forked())
