"""A server of the tests: its log, how it is seen to have started, and its end, at the latest that of this process."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from deadline import until

_WATCHED = Path(__file__).parents[1] / "watched.sh"


def free_port() -> int:
    """A port of the loopback address that nobody listens on.

    It lies below those that a kernel gives to whoever connects: a client that tries again and again could otherwise
    take the port of a server that is being restarted.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class NotStarted(AssertionError):
    """A server does not listen; the text has what it said."""


class ServerProcess:
    """A server that listens: it has logged so. What answers at its port may be another process."""

    def __init__(
        self, command: list[str], folder: Path, sign: str, seconds: float, variables: dict[str, str] | None = None
    ) -> None:
        self._command = ["sh", str(_WATCHED), str(folder), *command]
        self._log = folder / "server.log"
        self._variables = variables
        deadline = time.monotonic() + seconds
        while not self._listens(sign, deadline):
            # Somebody else has its port, for how long?
            time.sleep(0.05)

    def _listens(self, sign: str, deadline: float) -> bool:
        with self._log.open("ab") as log:
            self._from = log.tell()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._variables
            )
        while sign not in self.said():
            has_ended = self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                self.kill()
                if "Address already in use" in self.said() and time.monotonic() < deadline:
                    return False
                raise NotStarted(f"a server does not start (is it there? tests/install.sh); it said:\n{self.said()}")
            time.sleep(0.01)
        return True

    def said(self) -> str:
        """What it has logged since it was started."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def stop(self, seconds: float = 60) -> None:
        """Asks it to end in order, and waits until it has."""
        self._process.terminate()
        until(lambda: self._process.poll() is not None, f"a server ends; it said:\n{self.said()}", seconds)
        self.kill()

    def kill(self) -> None:
        """Ends it as a power failure does."""
        self._process.kill()
        # Before the process is waited for: from then on its number may be somebody else's.
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.close()
        self._process.wait(20)
