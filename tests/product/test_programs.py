"""How a program becomes a server, and what becomes of one that cannot be loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import StartWorker
from queue_client import Queue
from worker import BINARY, PROGRAMS, ROOT, environment

ORIGINAL = ROOT / "examples/original"


@pytest.mark.parametrize(
    "command",
    [
        [BINARY, "run", str(PROGRAMS / "script.py")],
        [BINARY, "run", "--module", "script"],
        [sys.executable, str(PROGRAMS / "script.py")],
        [sys.executable, "-m", "script"],
    ],
    ids=["prpc run FILE", "prpc run --module", "python FILE", "python -m"],
)
def test_a_script_serves_from_its_start_call_on(queue: Queue, start: StartWorker, command: list[str]) -> None:
    worker = start("", queue, command=command, PRPC_RUNTIME=BINARY).until_ready()
    assert queue.call("name") == "__main__"
    assert queue.error(queue.send("hold", "gate")) == "the task was completed by server timeout 0.5 secs."
    worker.terminate()
    assert worker.exit_code() == 0
    assert worker.trace.lines("after_start") == []


def test_the_environment_wins_over_the_constructor(queue: Queue, start: StartWorker) -> None:
    start(str(PROGRAMS / "script.py"), queue, PRPC_TIMEOUT_SEC=0.2).until_ready()
    assert queue.error(queue.send("hold", "gate")) == "the task was completed by server timeout 0.2 secs."


def test_a_program_of_the_older_layout_runs_without_a_package_of_that_name(queue: Queue, start: StartWorker) -> None:
    start(str(PROGRAMS / "old_layout.py"), queue).until_ready()
    assert queue.call("hello_world", "Anna") == "hello, Anna"


def test_the_originals_example_runs_unchanged_server_and_client(
    queue: Queue, start: StartWorker, tmp_path: Path
) -> None:
    paths = os.pathsep.join([str(ROOT / "python"), str(ROOT / "python/compat")])
    server = [sys.executable, str(ORIGINAL / "server.py")]
    start("", queue, command=server, PRPC_RUNTIME=BINARY, PYTHONPATH=paths).until_ready()

    client = environment(
        PRPC_TYPE_BROKER="redis", PRPC_URL_BROKER=queue.server.url, PRPC_QUEUE_NAME=queue.name, PYTHONPATH=tmp_path
    )
    # The generator writes into the package itself, so this client has a copy of its own.
    shutil.copytree(ROOT / "python/prpc", tmp_path / "prpc", ignore=shutil.ignore_patterns("server_func.py"))

    def run(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], env=client, cwd=tmp_path, timeout=120, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    run("-m", "prpc.create_server_func")
    said = run(str(ORIGINAL / "client.py"))
    summ, hello = said.splitlines()
    assert summ.startswith("summ 3.5 0:00:00") and hello.startswith("hello_world hello_world 0:00:00.5")


def test_calls_that_were_sent_before_the_first_start_are_executed(queue: Queue, start: StartWorker) -> None:
    native, raw = queue.send("f", 1), queue.send_raw("f", 2)
    start("recorder:app", queue).until_ready()
    assert queue.result(native) == [(1,), {}]
    assert queue.raw_reply(raw)["result"] == [[2], {}]
    queue.until_settled()


def test_a_program_with_threads_is_not_forked(queue: Queue, start: StartWorker) -> None:
    start("threads_at_import:app", queue).until_ready()
    pids = {kind: queue.call(f"ask_{kind}")[0] for kind in ("thread", "process", "async")}
    assert len(set(pids.values())) == 3


def test_hosts_that_run_all_calls_of_their_kind_come_before_those_that_run_one(
    queue: Queue, start: StartWorker
) -> None:
    worker = start("kinds:app", queue, PRPC_LOG="prpc_runtime=debug").until_ready()
    lines = [json.loads(line) for line in worker.stderr().splitlines() if line.startswith("{")]
    started = [line["worker"] for line in lines if line["message"] == "worker host started"]
    assert (sorted(started[:2]), started[2]) == (["async", "thread"], "process"), started


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("broken.raises:app", ["RuntimeError: the table of prices is missing", "raises.py", "line 1"]),
        ("broken.needs_module:app", ["ModuleNotFoundError: No module named 'no_such_module_anywhere'"]),
        ("broken.no_server:app", ["broken.no_server:app is not an AppServer but a int"]),
        ("broken.no_server:nothing", ["broken.no_server has no attribute nothing"]),
        ("broken.absent:app", ["No module named 'broken.absent'"]),
        ("absent.py", ["there is no file absent.py"]),
        ("broken.ends:app", ["SystemExit: no licence on this machine"]),
        ("broken.dies:app", ["Python ended before the program was loaded"]),
        ("broken.takes_ping:app", ["every server answers 'ping' itself"]),
        ("broken.twice:app", ["a function named 'f' is registered already"]),
        ("broken.sync_as_async:app", ["must be an `async def`"]),
        (str(PROGRAMS / "broken/never_starts.py"), ["never_starts.py ended without calling start()"]),
    ],
    ids=lambda of: Path(of).name if isinstance(of, str) else "",
)
def test_a_program_that_cannot_be_loaded_ends_the_worker_and_takes_nothing(
    queue: Queue, start: StartWorker, app: str, said: list[str]
) -> None:
    queue.send("f")
    worker = start(app, queue)
    assert worker.exit_code() == 1
    text = worker.stderr()
    assert all(part in text for part in said), text
    assert (queue.entries(), queue.pending()) == (1, 0)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PRPC_URL_BROKER": "nonsense"}, "PRPC_URL_BROKER"),
        ({"PRPC_CONCURRENCY": "many"}, 'PRPC_CONCURRENCY="many"'),
        ({"PRPC_QUEUE_NAME": "raw_x"}, "raw_"),
        ({"PRPC_REDIS_RECOVER_INTERVAL_SEC": "1"}, "PRPC_REDIS_RECOVER_INTERVAL_SEC"),
        ({"PRPC_TYPE_BROKER": "carrier pigeon"}, "redis or kafka"),
    ],
    ids=lambda of: next(iter(of)) if isinstance(of, dict) else "",
)
def test_settings_that_cannot_be_used_end_the_worker_with_2_and_the_name(
    queue: Queue, start: StartWorker, variables: dict[str, str], said: str
) -> None:
    worker = start("recorder:app", queue, **variables)
    assert worker.exit_code() == 2
    assert said in worker.stderr()
