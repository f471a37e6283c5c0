"""What the documents show is true: commands print what stands there, code stands in the examples."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deadline import until
from redis_server import RedisServer
from server_process import free_port
from worker import BINARY, ROOT, environment

HELLO = ROOT / "examples/hello"
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, *documents: Path) -> list[str]:
    """The code blocks of a language."""
    found = [BLOCK.findall(document.read_text()) for document in documents or DOCUMENTS]
    return [text for document in found for kind, text in document if kind == language]


def shell_environment(folder: Path) -> dict[str, str]:
    """As after `make build` in a shell with the virtual environment, and a place of its own for what runs locally."""
    (folder / "run").mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([str(Path(BINARY).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    return environment(
        PATH=path,
        PYTHONPATH=ROOT / "python",
        XDG_RUNTIME_DIR=folder / "run",
        PRPC_LOCAL_REDIS_PORT=free_port(),
    )


class Local:
    """`prpc up` of the hello example."""

    def __init__(self, folder: Path) -> None:
        self.environment = shell_environment(folder)
        self.port = self.environment["PRPC_LOCAL_REDIS_PORT"]
        self._process = subprocess.Popen(
            [BINARY, "up"], cwd=HELLO, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: "pong" in self.run("prpc call ping --timeout 1s"), "the queue answers")

    def run(self, command: str) -> str:
        """What a command prints, on both channels."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=HELLO,
            env={**self.environment, "PORT": self.port},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.stdout

    def end(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(20) == 0


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """What `prpc up -f prpcqueue.yaml &` starts and `kill %1` ends in the documents."""
    running = Local(tmp_path_factory.mktemp("up"))
    yield running
    running.end()


def pattern(shown: str) -> re.Pattern[str]:
    """Matches what is shown; `…` stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in shown.split("…")), re.DOTALL)


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.split("\n")[0][2:50])
def test_commands_print_what_is_shown(local: Local, block: str) -> None:
    for step in block.removeprefix("$ ").split("\n$ "):
        command, _, shown = step.partition("\n")
        if command.startswith("prpc up") or command.strip() == "kill %1":
            continue
        until_printed(local, command, shown.strip())


def until_printed(local: Local, command: str, shown: str) -> None:
    """Runs a command until it prints what is shown: an answer may take a moment. One that is right runs once."""
    right = pattern(shown)
    until(lambda: right.fullmatch(local.run(command).strip()), f"{command} prints\n{shown}")


@pytest.mark.parametrize("block", blocks("python") + blocks("yaml"), ids=lambda block: block.split("\n")[0])
def test_code_stands_in_an_example(block: str) -> None:
    texts = [path.read_text() for path in ROOT.glob("examples/**/*") if path.is_file()]
    parts = [part.strip("\n") for part in block.split("\n\n")]
    assert any(all(part in text for part in parts) for text in texts), block


def test_make_has_the_targets_that_are_shown() -> None:
    targets = {line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")}
    assert targets >= {"demo", "test"}
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_the_originals_example_runs_as_it_is_shown(redis_server: RedisServer, tmp_path: Path) -> None:
    [block] = [block for block in blocks("sh", ROOT / "README.md") if "examples/original/server.py" in block]
    block = block.replace("redis://localhost:6379/0", redis_server.url).replace("bin/prpc", BINARY)
    stubs = ROOT / "python/prpc/server_func.py"
    try:
        done = subprocess.run(
            ["bash", "-ec", block + "\nkill %1; wait %1"],
            cwd=ROOT,
            env=shell_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        stubs.unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr
    assert "summ 3.5 " in done.stdout and "hello_world hello_world " in done.stdout


def test_every_setting_of_a_worker_is_described() -> None:
    known = set(
        re.findall(r'^ +\(?"(PRPC_\w+)"', (ROOT / "crates/contract/src/settings/variables.rs").read_text(), re.M)
    )
    tables = "".join((ROOT / document).read_text() for document in ("README.md", "docs/kafka.md"))
    described = set(re.findall(r"^\| `(PRPC_\w+)`", tables, re.MULTILINE))
    # The address says what the broker is.
    assert known - {"PRPC_TYPE_BROKER"} == described - {"PRPC_PYTHON", "PRPC_LOG"}


def test_links_lead_somewhere() -> None:
    for document in [*DOCUMENTS, ROOT / "ARCHITECTURE.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_map_of_the_code_names_what_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`((?:crates|runtime|cli|python|tests|docs|examples|bench)/[\w./*-]*)`", text):
        assert list(ROOT.glob(path.rstrip("/"))), path
