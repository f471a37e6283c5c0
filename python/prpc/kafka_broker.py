"""Calls over Kafka: a call is sent once and its reply comes by itself; the connections are `prpc.kafka_link`."""

from __future__ import annotations

import asyncio
import os
import threading
from uuid import UUID

from prpc.kafka_link import KafkaLink
from prpc.kafka_replies import OpenCalls
from prpc.kafka_settings import connection, reads_all_partitions
from prpc.waiting import Limit, Watch, until_set

CHECK_INTERVAL = 5.0
"""Seconds after which somebody who waits looks whether Kafka is still there."""


class KafkaBroker:
    """A queue on Kafka, with the connections of this process."""

    def __init__(self, url: str, queue: str) -> None:
        """ValueError if the address or a variable cannot be used."""
        self.open_calls = OpenCalls()
        self._queue = queue
        self._config = connection(url, os.environ)
        self._all_partitions = reads_all_partitions(os.environ)
        self._lock = threading.Lock()
        self._link: KafkaLink | None = None
        self._begin: dict[int, int] = {}
        """Where the replies to open calls begin that no link has read."""

    def send(self, message_id: UUID, document: str) -> KafkaCall:
        """Send a call. It is stored when this returns."""
        return KafkaCall(self, message_id, document)

    def live_link(self) -> KafkaLink | None:
        """The connections, if there are any that can send."""
        link = self._link
        return None if link is None or link.health.fatal else link

    def link(self) -> KafkaLink:
        """The connections, made if there are none. It may block while connecting."""
        link = self.live_link()
        if link is None:
            with self._lock:
                link = self.live_link()
                if link is None:
                    if self._link is not None:
                        self._begin, self._link = self._link.close(), None
                    begin = self._begin if self.open_calls else {}
                    link = KafkaLink(self._config, self._queue, self._all_partitions, self.open_calls, begin)
                    self._link = link
        return link

    def at_exit(self) -> None:
        """End librdkafka's threads before the interpreter ends."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def forked(self) -> None:
        """In a forked child: connect anew when that is needed, and read on where the parent was."""
        link = self._link
        self._lock, self._link = threading.Lock(), None
        if link is not None:
            self._begin = link.abandon()


class KafkaCall:
    """A call that was sent."""

    def __init__(self, broker: KafkaBroker, message_id: UUID, document: str) -> None:
        self.reply: bytes | None = None
        self._broker = broker
        self._message_id = message_id
        self._arrived = Watch()
        link = broker.link()
        broker.open_calls.add(message_id, self._arrived)
        link.send(message_id, document.encode())

    def sync_wait(self, limit: Limit) -> None:
        """Block until the reply is there. ConnectionError if Kafka stays out of reach for 30 s."""
        self.look()
        while self.reply is None:
            link = self._broker.link()
            link.health.check()
            link.replies.wait(self._arrived, limit.at_most(CHECK_INTERVAL))
            self.look()

    async def async_wait(self, limit: Limit) -> None:
        """Like `sync_wait`, without blocking the event loop."""
        self.look()
        while self.reply is None:
            link = self._broker.live_link()
            if link is None:
                link = await asyncio.to_thread(self._broker.link)
            link.health.check()
            await until_set(self._arrived, limit.at_most(CHECK_INTERVAL))
            self.look()

    def look(self) -> None:
        """See whether the reply has come."""
        if self.reply is None:
            self.reply = self._arrived.document

    def done(self) -> None:
        """Forget the reply."""
        self.reply = b""
        self._arrived.document = None
        self._broker.open_calls.remove(self._message_id)
