"""A real worker: `prpc run` with its Python processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from deadline import PATIENCE, until
from server_process import free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
BINARY = os.environ.get("PRPC_BINARY", str(ROOT / "bin/prpc"))

# What the tests' own environment says about queues must not reach the workers.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PRPC_")}


def environment(**variables: object) -> dict[str, str]:
    """The environment of a worker: the package `prpc`, the programs of these tests, and `variables`."""
    paths = os.pathsep.join([str(ROOT / "python"), str(PROGRAMS)])
    return {
        **_ENVIRONMENT,
        "PRPC_PYTHON": sys.executable,
        "PYTHONPATH": paths,
        "PYTHONUNBUFFERED": "1",
        **{name: str(value) for name, value in variables.items()},
    }


class ServedQueue(Protocol):
    """A queue on either broker."""

    @property
    def variables(self) -> dict[str, str]:
        """What a worker on this queue is told."""


@dataclass(frozen=True)
class Trace:
    """What functions left behind in a folder while they ran, and the gates that they wait at."""

    folder: Path

    def lines(self, name: str) -> list[str]:
        """What was noted under a name."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def all(self) -> list[str]:
        """Every name under which something was noted."""
        return sorted(path.name for path in self.folder.iterdir())

    def open_gate(self, name: str) -> None:
        """Lets the calls of `hold(name)` end."""
        (self.folder / f"{name}.open").touch()

    def until_noted(self, name: str, times: int = 1) -> None:
        """Waits until something was noted so many times."""
        until(lambda: len(self.lines(name)) >= times, f"{name} is noted {times} times")


@dataclass(frozen=True)
class Descendant:
    """A process, told from a later one with the same number."""

    pid: int
    started: str = field(repr=False)

    def is_alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        found = _stat(self.pid)
        return found is not None and found[2] == self.started and found[0] != "Z"

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal if it still runs."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it if it still runs."""
        self.signal(signal.SIGKILL)


def _stat(pid: int) -> tuple[str, int, str] | None:
    """State, parent and start time of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[1]), fields[19]


def descendants(root: int) -> list[Descendant]:
    """All processes below one."""
    children: dict[int, list[Descendant]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (found := _stat(int(entry))):
            children.setdefault(found[1], []).append(Descendant(int(entry), found[2]))
    below: list[Descendant] = []
    parents = [root]
    while parents:
        of_parent = children.get(parents.pop(), [])
        below += of_parent
        parents += [child.pid for child in of_parent]
    return below


class Worker:
    """A worker on a queue; `command` and `variables` replace `prpc run` and add to its environment.

    What it writes is kept, unless it is to write elsewhere.

    Used with `with`: whatever is left of it at the end is killed.
    """

    def __init__(
        self,
        app: str,
        queue: ServedQueue,
        folder: Path,
        *,
        command: list[str] | None = None,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
        **variables: object,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.trace = Trace(folder / "trace")
        self.trace.folder.mkdir(exist_ok=True)
        self._out, self._err = folder / "stdout", folder / "stderr"
        self.pages = f"127.0.0.1:{free_port()}"
        variables = {
            **queue.variables,
            "PRPC_PAGES_ADDRESS": self.pages,
            "TRACE_FOLDER": self.trace.folder,
            **variables,
        }
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._process = subprocess.Popen(
                command or [BINARY, "run", app],
                stdout=out if stdout is None else stdout,
                stderr=err if stderr is None else stderr,
                env=environment(**variables),
                cwd=folder,
            )
        self._seen: set[Descendant] = set()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.descendants()
        self.kill()
        for descendant in self._seen:
            descendant.kill()
        if error is not None:
            error.add_note(f"The worker's stderr:\n{self.stderr()[-8000:]}") if hasattr(error, "add_note") else None

    def stdout(self) -> str:
        """What it has printed."""
        return self._out.read_text(errors="replace")

    def stderr(self) -> str:
        """What it has logged."""
        return self._err.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Its main process."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether its main process runs."""
        return self._process.poll() is None

    def descendants(self) -> list[Descendant]:
        """Its processes now, the main one not included; remembered for the end."""
        found = descendants(self._process.pid) if self.is_running() else []
        self._seen.update(found)
        return found

    def terminate(self) -> None:
        """Asks it to end in order."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to its main process."""
        self.descendants()
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends its main process as the kernel does."""
        self._process.kill()
        self._process.wait(60)

    def exit_code(self, seconds: float = PATIENCE) -> int:
        """Waits for its end."""
        until(lambda: not self.is_running(), f"the worker ends; it says:\n{self.stderr()[-4000:]}", seconds)
        return self._process.wait()

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; 0 if it serves none."""
        try:
            with urllib.request.urlopen(f"http://{self.pages}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_ready(self, seconds: float = PATIENCE) -> Worker:
        """Waits until its page says that it takes calls."""

        def is_ready() -> bool:
            assert self.is_running(), f"the worker has ended:\n{self.stderr()}"
            return self.page("/ready")[0] == 200

        until(is_ready, f"the worker is ready; it says:\n{self.stderr()[-4000:]}", seconds)
        return self
