"""What a user gets from `pip install`: one wheel with the package and the program, and needs besides: a Redis."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = """
from prpc import AppServer

app = AppServer("redis", "{url}", "thread", 2)


@app.decorator_reg_func()
def add(a, b):
    return a + b


if __name__ == "__main__":
    app.start()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The `bin` folder of an empty virtual environment after `pip install` of the wheel."""
    [wheel] = pytestconfig.getoption("--wheels").glob("prpc-*.whl")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    subprocess.run([programs / "pip", "install", "-q", "--no-index", wheel], check=True)
    return programs


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    folder = str(tmp_path_factory.mktemp("redis"))
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


def environment(programs: Path) -> dict[str, str]:
    """As in a shell with the environment activated, and without this repository's Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRPC_", "PYTHON"))}
    return {**kept, "PATH": f"{programs}:{kept['PATH']}"}


def test_the_wheel_holds_the_package_and_the_program_but_no_package_called_main(installed: Path) -> None:
    files = subprocess.run([installed / "pip", "show", "-f", "prpc"], capture_output=True, text=True, check=True).stdout
    assert "prpc/app_server.py" in files
    assert "bin/prpc" in files
    assert " main/" not in files
    version = subprocess.run([installed / "prpc", "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("prpc ")


def test_a_program_started_by_hand_answers_calls(installed: Path, redis_url: str, tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(url=redis_url))
    server = subprocess.Popen([installed / "python", script], env=environment(installed), cwd=tmp_path)
    try:
        call = [installed / "prpc", "call", "add", "2", "3", "--broker", redis_url, "--timeout", "30s"]
        answer = subprocess.run(call, env=environment(installed), capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stdout.strip()) == (0, "5"), answer.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_programs_of_the_older_layout_need_one_more_wheel(installed: Path, pytestconfig: pytest.Config) -> None:
    importing = [installed / "python", "-c", "from main.app_server import AppServer; print(AppServer.__module__)"]
    assert subprocess.run(importing, env=environment(installed), capture_output=True, check=False).returncode != 0
    [wheel] = pytestconfig.getoption("--wheels").glob("prpc_compat-*.whl")
    subprocess.run([installed / "pip", "install", "-q", "--no-index", "--no-deps", wheel], check=True)
    done = subprocess.run(importing, env=environment(installed), capture_output=True, text=True, check=True)
    assert done.stdout == "prpc.app_server\n"


def test_the_clients_without_redis_py_say_what_to_install(installed: Path, redis_url: str, tmp_path: Path) -> None:
    settings = {"PRPC_TYPE_BROKER": "redis", "PRPC_URL_BROKER": redis_url, "PRPC_QUEUE_NAME": "task_prpc"}
    program = "from prpc.app_client import AwaitableTask; AwaitableTask('ping', (), {})"
    command = [installed / "python", "-c", program]
    failed = subprocess.run(
        command, env={**environment(installed), **settings}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert failed.returncode != 0
    assert "prpc[" in failed.stderr, failed.stderr
