"""The process that loads the program once, and from which hosts are forked.

Where forking is unsafe, because the program started threads, the runtime starts a fresh interpreter for each host; it
comes through here too.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import threading

from prpc.app_server import AppServer
from prpc.host import older_layout, process_host, thread_host
from prpc.host.frames import HEADER, Kind, read_document, send
from prpc.host.program import NoProgram, description, load, on_start
from prpc.host.status_page import open_page
from prpc.signature import callable_by_name
from prpc.values import Tagger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, NoReturn

PROTOCOL = 2
_MOST_FDS = 4


def main() -> None:
    """Load the program, then serve the runtime until it closes the socket."""
    # What is only for this process must not reach processes that the program starts.
    sock = socket.socket(fileno=int(os.environ.pop("PRPC_HOST_FD")))
    app = os.environ.pop("PRPC_APP")
    arguments = json.loads(os.environ.pop("PRPC_ARGV", "[]"))
    request = os.environ.pop("PRPC_HOST", None)
    page = os.environ.pop("PRPC_STATUS_FD", None)
    lane = os.environ.pop("PRPC_LANE_FDS", None)
    os.set_inheritable(sock.fileno(), False)
    _end_with_parent(os.getppid())
    _line_by_line()
    if sys.stderr is not None:
        faulthandler.enable()
    older_layout.provide()
    server: _Template | _Fresh
    if request is not None and page is not None:
        fds = [int(page), *map(int, lane.split(",") if lane else ())]
        for fd in fds:
            os.set_inheritable(fd, False)
        server = _Fresh(sock, json.loads(request), fds)
    else:
        server = _Template(sock)
    on_start(server.serve)
    try:
        server.serve(load(app, arguments))
    except BaseException as error:
        server.failed(error)


class _Template:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sdk = {"protocol": PROTOCOL, "pid": os.getpid(), "python": sys.version.split()[0]}
        send(sock, Kind.HELLO, sdk)

    def failed(self, error: BaseException) -> NoReturn:
        """Tell why the program cannot be loaded."""
        if isinstance(error, NoProgram):
            text, shown = str(error), ""
        else:
            import traceback

            text = "".join(traceback.format_exception_only(type(error), error)).strip()
            shown = "".join(traceback.format_exception(type(error), error, _of_program(error.__traceback__)))
        send(self._sock, Kind.FAILED, {"error": _encodable(text), "traceback": _encodable(shown)})
        _exit(1)

    def serve(self, app: AppServer) -> NoReturn:
        """Tell what the program is, and fork hosts of it."""
        tagger = Tagger()
        tree = tagger.tag({**description(app), "can_fork": _is_single()})
        send(self._sock, Kind.REGISTER, tree, tagger.tagged)
        # Otherwise the first collection of each host copies the memory that it shares with all others. Nothing is
        # collected before: every host would put its own objects into the holes, and copy the pages around them.
        gc.freeze()
        while (received := self._receive()) is not None:
            request, fds = received
            pid = self._fork(app, request, fds)
            send(self._sock, Kind.FORKED, {"host": request["host"], "pid": pid})
        os._exit(0)

    def _receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """A request with its descriptors. The runtime waits for each answer, so there is never more than one."""
        data, fds, _, _ = socket.recv_fds(self._sock, HEADER.size, _MOST_FDS)
        while data and len(data) < HEADER.size:
            data += self._sock.recv(HEADER.size - len(data))
        if not data:
            return None
        length, kind, _, flags = HEADER.unpack(data)
        payload = bytearray()
        while len(payload) < length:
            more = self._sock.recv(length - len(payload))
            if not more:
                return None
            payload += more
        for fd in fds:
            os.set_inheritable(fd, False)
        if kind != Kind.FORK or len(fds) < 2:
            raise ValueError(f"a template cannot do anything with a frame of kind {kind} and {len(fds)} descriptors")
        return read_document(payload.decode(), bool(flags)), fds

    def _fork(self, app: AppServer, request: dict[str, Any], fds: list[int]) -> int:
        """Fork twice, so that the host becomes a child of the runtime, and return its process id."""
        runtime = os.getppid()
        told, tell = os.pipe()
        hold, release = os.pipe()
        middle = os.fork()
        if middle == 0:
            pid = os.fork()
            if pid == 0:
                for fd in (told, tell, release, self._sock.detach()):
                    os.close(fd)
                os.read(hold, 1)
                os.close(hold)
                _end_with_parent(runtime)
                _host(app, request, *fds)
            os.setpgid(pid, pid)
            os.write(tell, str(pid).encode())
            os._exit(0)
        for fd in (tell, hold, *fds):
            os.close(fd)
        pid = int(os.read(told, 32))
        os.close(told)
        os.waitpid(middle, 0)
        # Only now the runtime is the host's parent.
        os.close(release)
        return pid


class _Fresh:
    def __init__(self, sock: socket.socket, request: dict[str, Any], fds: list[int]) -> None:
        self._sock, self._request, self._fds = sock, request, fds

    def failed(self, error: BaseException) -> NoReturn:
        """The runtime learns it from the exit code, people from the log."""
        _print(error.with_traceback(_of_program(error.__traceback__)))
        _exit(1)

    def serve(self, app: AppServer) -> NoReturn:
        """Be the host."""
        _host(app, self._request, self._sock.detach(), *self._fds)


def _host(app: AppServer, request: dict[str, Any], fd: int, page: int, *lane: int) -> NoReturn:
    """Run calls; the program's own code after `start()` never runs."""
    code = 0
    try:
        sock = socket.socket(fileno=fd)
        # A process that a function forks must not keep the socket open, or nobody would notice when this one dies.
        os.register_at_fork(after_in_child=sock.close)
        functions = [callable_by_name(function.function) for function in app.functions]
        run: Callable[..., None]
        if request["kind"] == "thread":
            run = thread_host.run
        elif request["kind"] == "process":
            run = process_host.run
        else:
            # It brings much that programs without async functions do not need.
            from prpc.host.async_host import run
        words, texts = open_page(page, request["slots"])
        send(sock, Kind.READY, {"host": request["host"], "pid": os.getpid()})
        run(sock, words, texts, functions, *lane)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the runtime is gone
    except BaseException as error:
        _print(error)
        code = 1
    _exit(code)


def _print(error: BaseException) -> None:
    """Print a traceback without the module of that name, which takes milliseconds of every start."""
    sys.__excepthook__(type(error), error, error.__traceback__)


def _exit(code: int) -> NoReturn:
    """End without unwinding through the program's code, but with its exit handlers."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _is_single() -> bool:
    """Whether this process has one thread only, counted by the kernel: libraries have threads Python does not know."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except FileNotFoundError:
        return threading.active_count() == 1


def _line_by_line() -> None:
    """Output of functions appears when it is printed, and not in the middle of another host's line."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)


def _of_program(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from where the program's own code begins."""
    ours = (os.path.dirname(__file__), "<frozen ")
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return trace


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent is gone, whatever the program is doing then."""
    try:
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return  # the end of the socket still ends every host that reads it
    if os.getppid() != parent:
        os._exit(0)
