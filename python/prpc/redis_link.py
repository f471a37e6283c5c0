"""One Redis connection per process, shared by all its calls.

Commands are pipelined from any thread. A reader thread gives them their answers in order and hands on what Redis says
about keys that were read (`CLIENT TRACKING`), so that waiting needs no polling. redis-py does the rest: addresses, TLS,
login and the wire form. Without RESP3 the link works too, but reports no changes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError(
        "the PRPC client needs redis-py, which is not installed: run pip install 'prpc[redis]'"
    ) from error

ConnectionLost = redis.ConnectionError
ANSWER_TIMEOUT = 10.0
"""Seconds to connect, to send, or to wait for the answer to a command."""


class RedisLink:
    """A connection. After a failure it is `dead`, and every open command fails with ConnectionLost."""

    def __init__(self, url: str) -> None:
        """Connect and log in. ConnectionLost if the server is out of reach or refuses the login."""
        self.dead = False
        self.tracking = False
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, Future[Any]]] = deque()
        self._watchers: dict[bytes, list[Callable[[], None]]] = {}
        self._connection = self._connect(url)
        threading.Thread(target=self._read_all, name="prpc-redis", daemon=True).start()

    def _connect(self, url: str) -> Any:
        try:
            connection = _open(url, 3)
        except redis.ResponseError:
            return _open(url, 2)
        # redis-py has no public way to a push message, hence the fallback to polling if this one changes.
        listen = getattr(getattr(connection, "_parser", None), "set_invalidation_push_handler", None)
        if listen is not None:
            listen(self._pushed)
            connection.send_command("CLIENT", "TRACKING", "ON", "NOLOOP")
            with contextlib.suppress(redis.ResponseError):
                connection.read_response()
                self.tracking = True
        return connection

    def command(self, *words: str | bytes) -> Future[Any]:
        """Send a command; the future gets its answer.

        ConnectionLost if it could not be sent whole, in which case Redis does not execute it.
        """
        future: Future[Any] = Future()
        data = self._connection.pack_command(*words)
        with self._lock:
            if self.dead:
                raise _lost()
            self._waiting.append((time.monotonic(), future))
            try:
                self._connection.send_packed_command(data, check_health=False)
            except (redis.RedisError, OSError) as error:
                self._shut()
                raise _lost(error) from error
        return future

    def watch(self, key: str, wake: Callable[[], None]) -> None:
        """Call `wake` (in the reader thread) whenever a key that was read is written, and when the link dies."""
        with self._lock:
            self._watchers.setdefault(key.encode(), []).append(wake)

    def unwatch(self, key: str, wake: Callable[[], None]) -> None:
        """Undo `watch`."""
        with self._lock:
            wakes = self._watchers.get(key.encode(), [])
            if wake in wakes:
                wakes.remove(wake)
            if not wakes:
                self._watchers.pop(key.encode(), None)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._shut()

    def abandon(self) -> None:
        """In a forked child: drop the copy of the socket and leave the parent's connection alone."""
        self.dead = True
        self._connection.disconnect()

    def _shut(self) -> None:
        self.dead = True
        self._connection.disconnect()

    def _read_all(self) -> None:
        try:
            while True:
                answer = self._read_one()
                _, future = self._waiting.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                if isinstance(answer, redis.ResponseError):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        except Exception as error:  # redis-py fails in many ways when the connection is closed under a read
            reason = _lost(error)
        with self._lock:
            self._shut()
            open_commands = [future for _, future in self._waiting]
            self._waiting.clear()
            wakes = [wake for group in self._watchers.values() for wake in group]
        for future in open_commands:
            if future.set_running_or_notify_cancel():
                future.set_exception(reason)
        for wake in wakes:
            wake()

    def _read_one(self) -> Any:
        while True:
            try:
                return self._connection.read_response(disable_decoding=True, disconnect_on_error=False)
            except redis.ResponseError as error:
                return error
            except redis.TimeoutError:
                # Silence is fine unless somebody waits: then the server or the way to it is gone.
                if self._waiting and time.monotonic() - self._waiting[0][0] > ANSWER_TIMEOUT:
                    raise

    def _pushed(self, push: list[Any]) -> None:
        with self._lock:
            keys = list(self._watchers) if push[1] is None else push[1]
            wakes = [wake for key in keys for wake in self._watchers.get(_bytes(key), ())]
        for wake in wakes:
            wake()


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


def _bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


def _lost(error: BaseException | None = None) -> ConnectionLost:
    return ConnectionLost(f"the connection to Redis was lost{f': {error}' if error else ''}")
