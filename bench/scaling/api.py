"""The API server over plain HTTP: `kubectl proxy`, for single answers and for watches."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from cluster import Object

ANSWER_SECONDS = 2.0
WATCH_SECONDS = 7200
"""Longer than any load; without it the API server ends a watch after half an hour."""

Heard = Callable[[float, str, Object], None]
"""Is told when an event came (seconds since 1970), its type, and the object."""


class Api:
    """The API server as this user sees it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> Object | None:
        """An object, or the page of a pod; nothing if whoever has it does not answer in time."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        found: Object | None = json.loads(body) if response.status == 200 else None
        return found

    def watch(self, path: str, heard: Heard, **query: str) -> threading.Thread:
        """Tells what there is and what changes, in a thread that lives until the watch is over."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        connection.request("GET", f"{path}?{urlencode({'watch': 1, 'timeoutSeconds': WATCH_SECONDS, **query})}")
        response = connection.getresponse()
        assert response.status == 200, response.read()
        # From now on nothing may happen for long.
        connection.sock.settimeout(WATCH_SECONDS)

        def listen() -> None:
            with contextlib.suppress(OSError, HTTPException):
                for line in response:
                    at, event = time.time(), json.loads(line)
                    assert event["type"] != "ERROR", event
                    heard(at, event["type"], event["object"])

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        return thread


@contextmanager
def proxied() -> Iterator[Api]:
    """A proxy on a free port, whose end is the end of all watches."""
    proxy = subprocess.Popen(["kubectl", "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        assert proxy.stdout
        line = proxy.stdout.readline()
        assert "Starting to serve on" in line, line
        yield Api(int(line.rsplit(":", 1)[1]))
    finally:
        proxy.terminate()
        proxy.wait()
