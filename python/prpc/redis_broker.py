"""Calls over Redis: what is sent, when a waiting task looks for its reply, and when a lost connection is given up.

The connection itself is `prpc.redis_link`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from uuid import UUID

from prpc.redis_link import Answer, ConnectionLost, RedisLink
from prpc.waiting import Limit, LimitPassed, Watch, until_set

CLIENT_MARK = "prpc/1"
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


class RedisBroker:
    """A queue on Redis, with one connection."""

    def __init__(self, url: str, queue: str) -> None:
        self.url = url
        self.queue = queue
        self._lock = threading.Lock()
        self._link: RedisLink | None = None

    def send(self, message_id: UUID, document: str) -> RedisCall:
        """Send a call. ConnectionLost if Redis is out of reach."""
        return RedisCall(self, message_id, document)

    def live_link(self) -> RedisLink | None:
        """The connection, if there is one."""
        link = self._link
        return None if link is None or link.dead else link

    def link(self) -> RedisLink:
        """The connection, made anew if it was lost. It may block while connecting."""
        link = self.live_link()
        if link is None:
            with self._lock:
                link = self.live_link()
                if link is None:
                    link = self._link = RedisLink(self.url)
        return link

    def at_exit(self) -> None:
        """Send what is late."""
        link = self.live_link()
        if link is not None:
            link.flush()

    def forked(self) -> None:
        """In a forked child: connect anew when that is needed."""
        link = self._link
        self._lock, self._link = threading.Lock(), None
        if link is not None:
            link.abandon()


class RedisCall:
    """A call that was sent. Its reply lies at a key of its own, and is deleted when it was read."""

    def __init__(self, broker: RedisBroker, message_id: UUID, document: str) -> None:
        self.reply: bytes | None = None
        self.key = f"prpc_feedback_{broker.queue}_{message_id}"
        self._broker = broker
        self._changed = Watch()
        self._waiting = 0
        """Threads that wait."""
        self._awaits_push = False
        self._first_look: Answer | None = None
        """A look that was sent with the request."""
        self._send(f"prpc_{broker.queue}", document)

    def sync_wait(self, limit: Limit) -> None:
        """Block until the reply is there. ConnectionLost if Redis stays out of reach for 30 s."""
        self._waiting += 1
        try:
            self._wait(_Pace(limit))
        finally:
            self._waiting -= 1

    def _wait(self, pace: _Pace) -> None:
        if self._begin_to_wait():
            self._link.wait(self._changed, pace.before_first_look())
            self._found(self._changed.document)
        while self.reply is None:
            try:
                look = self._look(self._broker.link())
                if not self._link.wait(look, pace.patience()):
                    raise LimitPassed
                self._found(look.result())
                if self.reply is None:
                    self._link.wait(self._changed, pace.pause(self._link.tracking))
                    self._found(self._changed.document)
            except ConnectionLost as error:
                time.sleep(pace.after_loss(error))

    async def async_wait(self, limit: Limit) -> None:
        """Like `sync_wait`, without blocking the event loop."""
        pace = _Pace(limit)
        if self._begin_to_wait():
            self._link.serve()
            await until_set(self._changed, pace.before_first_look())
            self._found(self._changed.document)
        while self.reply is None:
            try:
                link = self._broker.live_link()
                if link is None:
                    link = await asyncio.to_thread(self._broker.link)
                link.serve()
                look = self._look(link)
                if not await until_set(look, pace.patience()):
                    raise LimitPassed
                self._found(look.result())
                if self.reply is None:
                    await until_set(self._changed, pace.pause(link.tracking))
                    self._found(self._changed.document)
            except ConnectionLost as error:
                await asyncio.sleep(pace.after_loss(error))

    def look(self) -> None:
        """Ask Redis for the reply."""
        if self.reply is None:
            self._first_look = None  # that was at the beginning
            look = self._look(self._broker.link())
            self._link.wait(look, None)
            self._found(self._changed.document or look.result())

    def done(self) -> None:
        """Delete the reply. Redis' answer is not awaited: if the connection breaks now, the key expires."""
        size = len(self.reply or b"")
        self.reply = b""
        if size <= SMALL_REPLY and self._waiting == 0:
            # A packet of its own would take as long as a good part of the call. But who else waits for this call may be
            # the one who reads, and only Redis' answer ends that.
            self._link.send_late("DEL", self.key)
        else:
            with contextlib.suppress(ConnectionLost):
                self._link.send(("DEL", self.key))

    def _send(self, stream: str, document: str) -> None:
        try:
            sent = self._begin(self._broker.link(), stream, document)
        except ConnectionLost:
            # Nothing was executed, so once more cannot call twice.
            sent = self._begin(self._broker.link(), stream, document)
        self._link.wait(sent, None)
        try:
            sent.result()
        except ConnectionLost as error:
            raise ConnectionLost(f"it is unknown whether the call was sent: {error}") from error

    def _begin(self, link: RedisLink, stream: str, document: str) -> Answer:
        # Redis may have closed it while it was idle.
        link.look_for_end()
        self._link = link
        link.watch(self.key, self._changed)
        request = ("XADD", stream, "*", "message", document, "client", CLIENT_MARK)
        if link.channel is not None:
            self._awaits_push = True
            return link.send((*request, "push", link.channel))[0]
        # The first look travels with the request: from then on Redis reports the reply.
        sent, self._first_look = link.send(request, ("GET", self.key))
        return sent

    def _begin_to_wait(self) -> bool:
        """Whether the reply is likely to come by itself."""
        awaits_push, self._awaits_push = self._awaits_push, False
        return awaits_push

    def _look(self, link: RedisLink) -> Answer:
        """Ask for the reply; the first time that was done with the request."""
        first, self._first_look = self._first_look, None
        if self._link is not link:
            link.watch(self.key, self._changed)
            self._link = link
        elif first is not None:
            return first
        self._changed.is_set = False
        return link.send(("GET", self.key))[0]

    def _found(self, document: bytes | None) -> None:
        if document is None or self.reply is not None:
            return
        # Before the deletion: a second waiter that finds nothing then finds the reply here.
        self.reply = document
        self._changed.document = None
        self._link.unwatch(self.key)
        self._changed.set()
        self._link.announce()


class _Pace:
    """When a waiting task looks again, and when it gives up."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
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
            return self.limit.at_most(TRACKED_POLL)
        poll, self.next_poll = self.next_poll, min(self.next_poll * POLL_GROWTH, LONGEST_POLL)
        return self.limit.at_most(poll)

    def after_loss(self, error: ConnectionLost) -> float:
        """Seconds until the next attempt to connect; `error` is raised when that went on for too long."""
        now = time.monotonic()
        if self.lost_since is None:
            self.lost_since = now
        elif now - self.lost_since > RECONNECT_LIMIT:
            raise error
        return self.limit.at_most(RECONNECT_PAUSE)

    def patience(self) -> float | None:
        """Seconds that a look may take. The last one starts at the limit and gets a moment."""
        left = self.limit.left()
        return None if left is None else max(left, LAST_LOOK)
