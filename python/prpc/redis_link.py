"""One Redis connection per process, shared by all its calls.

Commands are pipelined from any thread. There is no thread for answers: whoever waits reads the socket
(`prpc.waiting.SharedReading`), and only coroutines need a thread that reads for them.

Redis reports keys that were read before (`CLIENT TRACKING`), so that waiting needs no polling. Servers of ours also
publish a small value together with the key that it was written to, on the link's own channel. Without RESP3 the link
works too, but reports nothing. redis-py connects: addresses, TLS, login.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prpc.resp import Push, Reader, ServerError, pack
from prpc.waiting import Flag, SharedReading, Watch

ConnectionLost = redis.ConnectionError
ANSWER_TIMEOUT = 10.0
"""Seconds to connect, to send, or to wait for the answer to a command."""
_CHUNK = 64 << 10
_MOST_LATE = 64


class Answer(Flag):
    """The answer to a command; set when it is there."""

    __slots__ = ("_value", "sent")

    def __init__(self) -> None:
        super().__init__()
        self.sent = time.monotonic()
        self._value: Any = None

    def give(self, value: Any) -> None:
        """It has come."""
        self._value = value
        self.set()

    def result(self) -> Any:
        """What has come. ResponseError for an error of the server, ConnectionLost if nothing will come any more."""
        if isinstance(self._value, ServerError):
            raise redis.ResponseError(str(self._value))
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


class RedisLink:
    """A connection. After a failure it is `dead`: every open command fails with ConnectionLost, every watch is set."""

    def __init__(self, url: str) -> None:
        """Connect and log in. ConnectionLost if the server is out of reach or refuses the login."""
        self._connection, self.tracking = _connect(url)
        self._socket: socket.socket = self._connection._sock
        self.channel = _subscribe(self._socket) if self.tracking else None
        """Where values can be published for this link; None if Redis does not allow it."""
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._decrypted: Callable[[], int] | None = getattr(self._socket, "pending", None)
        """Bytes that TLS has taken from the socket already."""
        self._reader = Reader()
        self._sending = threading.Lock()
        self._late: list[bytes] = []
        self._expected: deque[Answer] = deque()
        self._watched: WeakValueDictionary[bytes, Watch] = WeakValueDictionary()
        self._reading = SharedReading(self._read)

    # ---------------------------------------------------------------------------------------------------- sending

    def send(self, *commands: tuple[str | bytes, ...]) -> list[Answer]:
        """Send commands together.

        ConnectionLost if they could not be sent whole; then the server executes at most the first ones.
        """
        data = [pack(*words) for words in commands]
        answers = [Answer() for _ in commands]
        with self._sending:
            if self.dead:
                raise _lost()
            late, self._late = self._late, []
            self._expected.extend([Answer() for _ in late] + answers)
            try:
                self._socket.sendall(b"".join(late + data))
                return answers
            except OSError as error:
                reason = _lost(error)
        self._die(reason)
        raise reason

    def send_late(self, *words: str | bytes) -> None:
        """Send a command whose answer nobody needs, together with the next one or when the program ends."""
        with self._sending:
            self._late.append(pack(*words))
            many = len(self._late) >= _MOST_LATE
        if many:
            self.flush()

    def flush(self) -> None:
        """Send what is late."""
        if self._late:
            with contextlib.suppress(ConnectionLost):
                self.send()

    def watch(self, key: str, watch: Watch) -> None:
        """Set the watch, as long as it exists, when a key that was read is written or its value is published.

        It is also set when the link dies.
        """
        self._watched[key.encode()] = watch

    def unwatch(self, key: str) -> None:
        """Undo `watch`."""
        self._watched.pop(key.encode(), None)

    def close(self) -> None:
        """End the connection."""
        self._die(_lost())

    def abandon(self) -> None:
        """In a forked child: drop the copy of the socket and leave the parent's connection alone."""
        self._reading.closed = True
        self._connection.disconnect()

    # ---------------------------------------------------------------------------------------------------- waiting

    @property
    def dead(self) -> bool:
        """Nothing can be sent or will come any more."""
        return self._reading.closed

    def wait(self, flag: Flag, seconds: float | None) -> bool:
        """Block until the flag is set; False if that took too long, or the link has died, which sets all its flags."""
        return self._reading.wait(flag, seconds)

    def announce(self) -> None:
        """Let everybody that waits look at its flag."""
        self._reading.announce()

    def serve(self) -> None:
        """Read in a thread of its own from now on, for those that cannot."""
        self._reading.serve("prpc-redis")

    def look_for_end(self) -> None:
        """While nobody reads nobody notices that the server has closed the connection."""
        self._reading.read_what_is_there(lambda: self._is_readable(0))

    # ---------------------------------------------------------------------------------------------------- reading

    def _read(self, seconds: float) -> None:
        if self._is_readable(min(seconds, ANSWER_TIMEOUT)):
            self._receive()
        elif self._expected and time.monotonic() - self._expected[0].sent > ANSWER_TIMEOUT:
            # Silence is fine unless somebody waits: then the server or the way to it is gone.
            self._die(_lost(TimeoutError("no answer")))

    def _is_readable(self, seconds: float) -> bool:
        return bool((self._decrypted is not None and self._decrypted()) or self._poll.poll(seconds * 1000))

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
            values = self._reader.read(data)
            for value in values:
                if isinstance(value, Push):
                    self._pushed(value)
                else:
                    self._expected.popleft().give(value)
        except (OSError, ValueError, IndexError) as error:  # an answer that nobody expects is as bad as none
            self._die(_lost(error))
            return
        if not data:
            self._die(_lost())
        elif values:
            self.announce()

    def _pushed(self, push: Push) -> None:
        if push and push[0] == b"invalidate":
            # Without keys: everything was removed.
            found = list(self._watched.values()) if push[1] is None else map(self._watched.get, push[1])
            for flag in found:
                if flag is not None:
                    flag.set()
        elif len(push) == 3 and push[0] == b"message":
            key, _, value = push[2].partition(b"\n")
            watch = self._watched.get(key)
            if watch is not None:
                watch.document = value
                watch.set()

    def _die(self, reason: ConnectionLost) -> None:
        with self._sending:
            if self.dead:
                return
            self._reading.closed = True
            expected = list(self._expected)
            self._expected.clear()
        # Not closed here: another thread may read it, and the number would be another file's.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for answer in expected:
            answer.give(reason)
        for flag in list(self._watched.values()):
            flag.set()
        self.announce()


def _connect(url: str) -> tuple[Any, bool]:
    """A connection that is logged in, and whether its server reports keys."""
    try:
        connection = _open(url, 3)
    except redis.ResponseError:
        return _open(url, 2), False
    connection.send_command("CLIENT", "TRACKING", "ON", "NOLOOP")
    try:
        connection.read_response()
    except redis.ResponseError:
        return connection, False
    return connection, True


def _subscribe(sock: socket.socket) -> str | None:
    """A new channel on which this connection listens, or None if its user may not."""
    channel = f"prpc_push_{uuid4().hex}"
    reader = Reader()
    try:
        sock.sendall(pack("SUBSCRIBE", channel))
        while not (values := reader.read(data := sock.recv(_CHUNK))):
            if not data:
                raise _lost()
    except OSError as error:
        raise _lost(error) from error
    return channel if isinstance(values[0], Push) else None


def _open(url: str, protocol: int) -> Any:
    pool = redis.ConnectionPool.from_url(
        url,
        protocol=protocol,
        socket_timeout=ANSWER_TIMEOUT,
        socket_connect_timeout=ANSWER_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    connection: Any = pool.make_connection()
    connection.connect()
    return connection


def _lost(error: BaseException | None = None) -> ConnectionLost:
    return ConnectionLost(f"the connection to Redis was lost{f': {error}' if error else ''}")
