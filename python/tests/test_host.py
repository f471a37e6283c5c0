"""The worker host against the host protocol, over the real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from host_runtime import Host, Template, has_ended
from prpc.host.frames import Kind, write_document
from prpc.host.texts import SIZE, Texts
from prpc.values import LongText

PROGRAMS = Path(__file__).with_name("programs")
ADD, WAIT_FOR_GATE, OPEN_GATE, ECHO, WAIT_FOR_EVER, LONG_TEXT, LEAVE_A_PROCESS, WAIT_FOR_FILE = range(8)


@pytest.fixture
def template() -> Iterator[Template]:
    template = Template("served:app", PROGRAMS)
    yield template
    template.close()


@pytest.fixture
def registered(template: Template) -> Template:
    template.receive(Kind.REGISTER)
    return template


@pytest.fixture(params=["thread", "process", "async"])
def host(request: pytest.FixtureRequest, registered: Template) -> Host:
    return registered.fork(request.param, 1 if request.param == "process" else 2)


def test_register_tells_functions_in_order_and_what_the_constructor_was_given(template: Template) -> None:
    program = template.receive(Kind.REGISTER)
    functions = program["functions"]
    assert [(function["name"], function["worker"]) for function in functions[:4]] == [
        ("add", None),
        ("wait_for_gate", None),
        ("open_gate", None),
        ("echo", "async"),
    ]
    assert functions[0]["entry"]["func_kwargs"] == [{"name": "a", "annotation": "int"}, {"name": "b", "default": 2}]
    assert program["constructor"] == {
        "type_broker": "redis",
        "broker_url": "redis://localhost:6379/0",
        "worker": "thread",
        "concurrency": 2,
        "timeout": None,
        "queue": "a_queue",
        "group": "a_group",
    }
    assert program["can_fork"] is True


def test_the_bytes_of_results_are_those_of_the_golden_file() -> None:
    golden = json.loads((PROGRAMS.parent / "golden_frames.json").read_text())
    from prpc.host import outcome

    texts = Texts(memoryview(bytearray(SIZE)))
    results = [
        outcome.returned(1, [1, "é", None], 5)[0],
        outcome.raised(2, KeyError("k"), 6),
        outcome.returned(3, object(), 7)[0],
    ]
    assert [frame.hex() for frame in outcome.frames(results, False, texts)] == golden["results"]
    result, tagged = outcome.returned(4, (1,), 8)
    assert [frame.hex() for frame in outcome.frames([result], tagged, texts)] == golden["results_tagged"]


def test_a_host_runs_calls_and_says_how_they_ended(host: Host, request: pytest.FixtureRequest) -> None:
    function = ECHO if "async" in request.node.callspec.id else ADD
    host.call([1, function, [5], {}], [2, function, [], {"no": 1}], [3, function, [1, 2, 3], {}])
    results = host.results(3)
    assert results[1] == (0, 5 if function == ECHO else 7)
    assert [results[call][0] for call in (2, 3)] == [1, 1]
    assert "unexpected keyword argument 'no'" in results[2][1]["text"]
    while host.running():
        pass


def test_values_with_tags_travel_in_frames_that_say_so(host: Host, request: pytest.FixtureRequest) -> None:
    function = ECHO if "async" in request.node.callspec.id else ADD
    args = [{"$tuple": [1]}] if function == ECHO else [{"$tuple": [1]}, {"$tuple": []}]
    host.call([1, function, args, {}], tagged=True)
    assert host.results(1)[1] == (0, (1,))


def test_a_result_that_is_too_long_is_an_error_and_those_beside_it_arrive(registered: Template) -> None:
    host = registered.fork("thread", 1)
    host.call([1, LONG_TEXT, [9 << 20], {}], [2, LONG_TEXT, [17 << 20], {}], [3, LONG_TEXT, [1], {}])
    results = host.results(3)
    assert [results[call][0] for call in (1, 2, 3)] == [0, 4, 0]
    assert "at most" in results[2][1]


def test_calls_that_were_not_started_are_given_back_on_request(registered: Template) -> None:
    host = registered.fork("thread", 1)
    host.call([1, LONG_TEXT, [1], {}])
    assert host.results(1)
    host = registered.fork("thread", 2)
    host.call(*[[call, WAIT_FOR_GATE, [], {}] for call in (1, 2)])
    while len(host.running()) < 2:
        pass
    host.call([3, ADD, [1], {}], [4, ADD, [1], {}])
    host.send(Kind.RECALL, [])
    assert host.receive(Kind.RECALLED) == [3, 4]
    assert sorted(host.running()) == [1, 2]


def test_a_result_does_not_wait_for_the_calls_that_are_parked_behind_it(registered: Template) -> None:
    host = registered.fork("thread", 1)
    # In one frame, so that the second is there before the first ends.
    host.call([1, ADD, [1], {}], [2, WAIT_FOR_GATE, [], {}])
    assert host.results(1) == {1: (0, 3)}
    assert host.running() == [2]


def test_a_process_host_starts_a_call_only_with_its_permit(registered: Template, tmp_path: Path) -> None:
    host = registered.fork("process", 1)
    gate = tmp_path / "open"
    host.call([1, WAIT_FOR_FILE, [str(gate)], {}], [2, ADD, [1], {}], [3, ADD, [1], {}])
    while host.running() != [1]:
        pass
    assert host.take_back() == [2, 3]
    host.call([4, ADD, [4], {}])
    gate.touch()
    assert host.results(2) == {1: (0, True), 4: (0, 6)}
    host.send(Kind.DRAIN, [])
    assert host.receive(Kind.DRAINED) == []


def test_what_a_process_host_has_finished_is_safe_from_the_next_call(registered: Template) -> None:
    host = registered.fork("process", 1)
    host.call([1, ADD, [1], {}], [2, WAIT_FOR_FILE, ["/never"], {}])
    while host.running() != [2]:
        pass
    os.kill(host.pid, signal.SIGKILL)
    assert host.is_closed()
    assert host.results_left() == {1: (0, 3)}
    assert host.running() == [2]


def test_a_result_that_does_not_fit_into_the_pipe_is_told(registered: Template) -> None:
    host = registered.fork("process", 1)
    others = [[call, ADD, [1], {}] for call in range(3, 200)]
    host.call([1, LONG_TEXT, [5000], {}], [2, LONG_TEXT, [9 << 20], {}], *others)
    results = host.results(199)
    assert (len(results[1][1]), len(results[2][1])) == (5000, 9 << 20)


def test_an_async_host_cancels_what_it_is_told_to(registered: Template) -> None:
    host = registered.fork("async", 2)
    host.call(*[[call, WAIT_FOR_EVER, [], {}] for call in (1, 2, 3)])
    while sorted(host.running()) != [1, 2]:
        pass
    host.send(Kind.CANCEL, [2, 99])
    assert host.results(1)[2][0] == 2
    host.send(Kind.RECALL, [])
    assert host.receive(Kind.RECALLED) in ([], [3])


def test_drain_ends_a_host_in_order(host: Host) -> None:
    host.send(Kind.DRAIN, [])
    assert host.receive(Kind.DRAINED) == []
    assert host.is_closed()
    assert has_ended(host.pid)


def test_a_host_that_reads_the_end_of_its_socket_exits(host: Host) -> None:
    host.sock.close()
    assert has_ended(host.pid)


def test_hosts_outlive_their_template(registered: Template) -> None:
    host = registered.fork("thread", 1)
    registered.process.kill()
    registered.process.wait()
    host.call([1, ADD, [1], {}])
    assert host.results(1)[1] == (0, 3)


def test_a_process_that_a_function_left_behind_does_not_keep_the_socket_open(registered: Template) -> None:
    host = registered.fork("process", 1)
    host.call([1, LEAVE_A_PROCESS, [], {}])
    left = host.results(1)[1][1]
    try:
        os.kill(host.pid, signal.SIGKILL)
        assert host.is_closed()
    finally:
        os.kill(left, signal.SIGKILL)


def test_long_texts_travel_beside_the_frames(host: Host, request: pytest.FixtureRequest) -> None:
    # More at a time than the memory holds, so some stand in their frame.
    texts = [chr(97 + number) * (3 << 20) + "é\n" for number in range(8)]
    function, kwargs = (ECHO, {}) if "async" in request.node.callspec.id else (ADD, {"b": ""})

    for _ in range(2):
        calls = [[number, function, [LongText(text)], kwargs] for number, text in enumerate(texts, 1)]
        # Like the runtime, which reads while it writes.
        sender = Thread(target=lambda calls=calls: host.call(*calls, tagged=True))
        sender.start()
        assert host.results(len(texts)) == {number: (0, text) for number, text in enumerate(texts, 1)}
        sender.join()
        assert not host.texts.unread


def test_arguments_nested_deeper_than_pythons_own_limit_arrive(registered: Template) -> None:
    host = registered.fork("async", 1)
    deep = "[" * 1200 + "]" * 1200  # the runtime sends at most 1100
    frame = write_document([[1, ECHO, [], {}]]).replace(b"[],", f"[{deep}],".encode())
    from prpc.host.frames import write_frame

    host.sock.sendall(write_frame(Kind.CALLS, frame))
    status, text = host.results(1)[1]
    assert status == 4, "deeper than a reply may be"
    assert "nested too deeply" in text


@pytest.mark.parametrize(
    ("source", "error", "trace"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'", "line 1"),
        ("raise SystemExit('no licence')", "SystemExit: no licence", "line 1"),
        ("app = 5", "broken:app is not an AppServer but a int", ""),
        ("other = 5", "broken has no attribute app: name the AppServer as module:attribute", ""),
    ],
)
def test_a_program_that_cannot_be_loaded_fails_with_its_reason(
    tmp_path: Path, source: str, error: str, trace: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    template = Template("broken:app", tmp_path)
    failed = template.receive(Kind.FAILED)
    assert failed["error"] == error
    assert trace in failed["traceback"]
    assert "prpc/host" not in failed["traceback"], "only the program's own part is shown"
    assert template.process.wait(20) == 1
    template.close()


SCRIPT = """
import sys
from main.app_server import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


@app.decorator_reg_func()
def tell():
    return [__name__, sys.argv[1:]]


if __name__ == "__main__":
    app.start()
    raise SystemExit("code after start() ran in a worker")
"""


@pytest.mark.parametrize("app", ["{}/script.py", "-m script"])
def test_a_program_of_the_older_layout_runs_as_main_until_its_start(tmp_path: Path, app: str) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    template = Template(app.format(tmp_path), tmp_path, PRPC_ARGV='["--verbose"]')
    assert [function["name"] for function in template.receive(Kind.REGISTER)["functions"]] == ["tell"]
    host = template.fork("thread", 1)
    host.call([1, 0, [], {}])
    assert host.results(1)[1] == (0, ["__main__", ["--verbose"]])
    template.close()


LEAN = """
import sys
from prpc import AppServer

app = AppServer("redis", "redis://localhost:6379/0")


@app.decorator_reg_func()
def loaded(first: int | None = None, second: str = "x", *, third: float = 1.5) -> list[str]:
    return list(sys.modules)
"""


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_host_starts_without_modules_that_the_program_may_not_use(tmp_path: Path, kind: str) -> None:
    """Pods that start at once compete for the processor, and each of these takes milliseconds of it."""
    (tmp_path / "lean.py").write_text(LEAN)
    heavy = {
        "ast",
        "asyncio",
        "dataclasses",
        "decimal",
        "importlib.abc",
        "inspect",
        "traceback",
        "typing",
        "uuid",
        "zoneinfo",
    }
    # What the machine's own `sitecustomize` loads is not ours.
    plain = subprocess.run(
        [sys.executable, "-c", "import runpy, sys; print(*sys.modules)"], capture_output=True, text=True
    )
    template = Template("lean:app", tmp_path)
    template.receive(Kind.REGISTER)
    host = template.fork(kind, 1)
    host.call([1, 0, [], {}])
    status, loaded = host.results(1)[1]
    template.close()
    assert (status, heavy & set(loaded) - set(plain.stdout.split())) == (0, set())
