"""The runtime's side of the host protocol, so that hosts can be tested without the runtime."""

from __future__ import annotations

import array
import contextlib
import ctypes
import json
import mmap
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from prpc.host.frames import HEADER, FrameReader, Kind, write_frame
from prpc.host.status_page import SLOT, texts_begin
from prpc.host.texts import SIZE, Texts

PACKAGE = Path(__file__).parents[1]
PATIENCE = 120.0

# Like the runtime this process is the one that hosts are handed to when the process between has ended.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def texts_of_the_runtime(memory: memoryview) -> Texts:
    """The runtime's side, which is that of a host with the rings exchanged."""
    texts = Texts(memory)
    texts._read = texts._read[::-1]
    texts._incoming, texts._outgoing = texts._outgoing, texts._incoming
    return texts


class Peer:
    """One end of a socket to Python."""

    def __init__(self, sock: socket.socket, texts: Texts | None = None) -> None:
        sock.settimeout(PATIENCE)
        self.sock = sock
        self._reader = FrameReader(sock, texts.scan) if texts else FrameReader(sock)
        self._encode = texts.encode if texts else json.dumps
        self._frames: list[Any] = []

    def send(self, kind: Kind, document: Any, *fds: int, tagged: bool = False) -> None:
        frame = write_frame(kind, self._encode(document).encode(), tagged)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([frame], rights)
        if sent < len(frame):
            self.sock.sendall(frame[sent:])

    def receive(self, kind: Kind) -> Any:
        """The document of the next frame, which must be of this kind."""
        while not self._frames:
            received = self._reader.receive()
            assert received is not None, f"the end came instead of {kind.name}"
            self._frames += received
        received_kind, document = self._frames.pop(0)
        assert received_kind == kind, document
        return document

    def results(self, count: int) -> dict[int, tuple[int, Any]]:
        """Status and value of so many calls."""
        found: dict[int, tuple[int, Any]] = {}
        while len(found) < count:
            found |= {call: (status, value) for call, status, value, _ in self.receive(Kind.RESULTS)}
        return found

    def is_closed(self) -> bool:
        """Waits for the other end to close."""
        return self._reader.receive() is None


class Host(Peer):
    """A worker host with its status page, and the two pipes of a process host."""

    def __init__(self, sock: socket.socket, page: int, slots: int, pid: int, lane: tuple[int, int, int] | None) -> None:
        self.texts = texts_of_the_runtime(memoryview(mmap.mmap(page, 0))[texts_begin(slots) :])
        super().__init__(sock, self.texts)
        self.pid, self._page, self._slots, self._lane = pid, page, slots, lane

    def call(self, *calls: list[Any], tagged: bool = False) -> None:
        """Send calls, with their permits where a host needs them."""
        if self._lane is not None:
            os.write(self._lane[1], b"".join(call[0].to_bytes(8, sys.byteorder) for call in calls))
        self.send(Kind.CALLS, calls, tagged=tagged)

    def take_back(self) -> list[int]:
        """The calls whose permits the host has not taken."""
        assert self._lane is not None
        data = os.read(self._lane[0], 1 << 16)
        return list(memoryview(data).cast("Q"))

    def results(self, count: int) -> dict[int, tuple[int, Any]]:
        """Status and value of so many calls, told or left."""
        found = {} if self._lane else super().results(count)
        while len(found) < count:
            found |= super().results(1)
            found |= self.results_left()
        return found

    def results_left(self) -> dict[int, tuple[int, Any]]:
        """What lies in the pipe."""
        found: dict[int, tuple[int, Any]] = {}
        assert self._lane is not None
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._lane[2], 1 << 16)
        while data:
            length, kind, _, _ = HEADER.unpack_from(data)
            assert kind == Kind.RESULTS
            document = json.loads(data[HEADER.size : HEADER.size + length])
            found |= {call: (status, value) for call, status, value, _ in document}
            data = data[HEADER.size + length :]
        return found

    def running(self) -> list[int]:
        """The calls that the status page names."""
        words = memoryview(os.pread(self._page, SLOT * self._slots, 0)).cast("Q")
        return [call for call in words[::2] if call]


class Template(Peer):
    """`python -m prpc.host` with a program."""

    def __init__(self, app: str, folder: Path, **variables: str) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PRPC_APP": app, "PRPC_HOST_FD": str(theirs.fileno())}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prpc.host"],
            env={**environment, **variables},
            cwd=folder,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        super().__init__(ours)
        assert self.receive(Kind.HELLO)["protocol"] == 2
        self._hosts = 0

    def fork(self, kind: str, slots: int) -> Host:
        """A new host, ready for calls."""
        self._hosts += 1
        ours, theirs = socket.socketpair()
        page = os.memfd_create("page")
        os.ftruncate(page, texts_begin(slots) + SIZE)
        request = {"host": self._hosts, "kind": kind, "slots": slots}
        lane = None
        fds = [theirs.fileno(), page]
        if kind == "process":
            permits, permits_in = os.pipe2(os.O_NONBLOCK)
            results, results_in = os.pipe2(os.O_NONBLOCK)
            lane = (permits, permits_in, results)
            fds += [permits, results_in]
        self.send(Kind.FORK, request, *fds)
        theirs.close()
        answer = self.receive(Kind.FORKED)
        assert answer["host"] == self._hosts
        host = Host(ours, page, slots, answer["pid"], lane)
        assert host.receive(Kind.READY) == {"host": self._hosts, "pid": answer["pid"]}
        return host

    def close(self) -> None:
        self.sock.close()
        self.process.kill()
        self.process.wait()


def has_ended(pid: int) -> bool:
    """Waits until a process is gone; it need not be a child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE)[0])
    finally:
        os.close(handle)
