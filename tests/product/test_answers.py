"""What a caller gets back: the same from thread, process and async workers."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import Any

import pytest

from conftest import StartWorker
from prpc.native import CLASS_PATHS
from prpc.prpcmessage import PRPCMessage
from queue_client import CallFailed, Queue
from worker import Worker

KINDS = ("thread", "process", "async")


@pytest.fixture(scope="module")
def queue(module_queue: Queue) -> Queue:
    """All of these tests share one queue."""
    return module_queue


@pytest.fixture(scope="module", autouse=True)
def worker(start_for_module: StartWorker, queue: Queue) -> Worker:
    """One worker answers all of these tests: what a test calls must not hurt the next."""
    return start_for_module("kinds:app", queue).until_ready()


@pytest.fixture(autouse=True)
def nothing_is_left(queue: Queue, worker: Worker) -> Any:
    """After each test everything is acknowledged and the server is alive."""
    yield
    queue.until_settled()
    assert worker.is_running()
    assert queue.call("ping") == "pong"


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_answered_with_what_the_function_returns(queue: Queue, kind: str) -> None:
    assert queue.call(f"add_{kind}", 1, b=5) == 6
    assert queue.call(f"add_{kind}", 1) == 3


def test_a_function_without_worker_type_runs_in_the_default_one(queue: Queue) -> None:
    assert queue.call("default_worker") != "MainThread"


@pytest.mark.parametrize("kind", KINDS)
def test_values_arrive_as_they_were_sent(queue: Queue, kind: str) -> None:
    values: list[Any] = [
        *(None, True, 0, -(2**70), 1.0, -0.0, float("inf"), 1 - 2j, range(1, 9, 2)),
        *("", "é\U0001f600\x00", b"\x00\xff", (), (1, (2,)), [[]], {"a": {"b": 1}}, {1, 2}, frozenset({"a"})),
        *(uuid.uuid4(), datetime(2024, 2, 29, tzinfo=timezone.utc)),
    ]
    for value in values:
        got = queue.call(f"echo_{kind}", value)
        assert (got, type(got)) == (value, type(value))
    assert queue.call(f"echo_{kind}", value=1, other=(2,)) == {"value": 1, "kwargs": {"other": (2,)}}


@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_arrive_whatever_is_in_them(queue: Queue, kind: str) -> None:
    plain, mixed = "x" * (3 << 20), 'é"\\\n\x7f\U0001f600$' * 5000
    for value in (plain, mixed, [plain, {"a": mixed}], {mixed: plain}, (mixed, plain)):
        assert queue.call(f"echo_{kind}", value) == value
    assert queue.call(f"echo_{kind}", value=mixed, other=plain) == {"value": mixed, "kwargs": {"other": plain}}
    raw = [queue.send_raw(f"echo_{kind}", value) for value in (mixed, plain, [mixed, plain])]
    # More at a time than the memory holds that a host shares with the runtime.
    calls = [queue.send(f"echo_{kind}", f"{number}{plain}") for number in range(12)]
    assert [queue.result(call) for call in calls] == [f"{number}{plain}" for number in range(12)]
    assert [queue.raw_reply(call)["result"] for call in raw] == [mixed, plain, [mixed, plain]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("text", "boom"),
        ("key", "'k'"),
        ("empty", "ValueError()"),
        ("no_text", "Unprintable"),
        ("exit", "3"),
        ("interrupt", "KeyboardInterrupt()"),
        ("stop", "over"),
        ("own", "mine"),
        ("cancelled", "off"),
    ],
)
def test_whatever_a_function_raises_is_its_answer(queue: Queue, kind: str, how: str, text: str) -> None:
    if (kind, how) == ("async", "stop"):
        text = "coroutine raised StopIteration"
    assert queue.error(queue.send(f"fail_{kind}", how)) == text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["object", "lambda", "generator", "bytearray", "in_a_list", "cyclic", "deep", "big"])
def test_a_result_that_cannot_be_sent_is_an_error_that_says_so(queue: Queue, kind: str, what: str) -> None:
    text = queue.error(queue.send(f"make_{kind}", what))
    named = {"object": "object", "lambda": "function", "in_a_list": "object"}.get(what, what)
    assert named in text or what in ("cyclic", "deep", "big"), text


def test_a_reserved_key_is_refused_for_python_callers_and_data_for_others(queue: Queue) -> None:
    assert "py/object" in queue.error(queue.send("make_thread", "reserved_key"))
    assert queue.raw_reply(queue.send_raw("make_thread", "reserved_key"))["result"] == {"py/object": "os.system"}


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_arguments_are_answered_with_pythons_own_text(queue: Queue, kind: str) -> None:
    with pytest.raises(CallFailed, match=rf"add_{kind}\(\) missing 1 required positional argument: 'a'"):
        queue.call(f"add_{kind}")
    with pytest.raises(CallFailed, match="unexpected keyword argument 'c'"):
        queue.call(f"add_{kind}", 1, c=1)


@pytest.mark.parametrize("name", ["nope", "", "os.system", "__class__", "get_function_server "])
def test_an_unknown_function_is_answered_at_once(queue: Queue, name: str) -> None:
    assert queue.error(queue.send(name)) == f"func name '{name}' not found in server"
    assert queue.raw_reply(queue.send_raw(name))["exception_info"] == f"func name '{name}' not found in server"


def test_the_servers_own_functions(queue: Queue) -> None:
    assert queue.call("ping") == "pong"
    functions = queue.call("get_function_server")
    assert functions[0] == {"func_name": "ping", "func_args": [], "func_kwargs": []}
    assert functions[1] == {
        "func_name": "add_thread",
        "func_args": [],
        "func_kwargs": [{"name": "a", "annotation": "int"}, {"name": "b", "default": 2}],
    }
    assert queue.raw_reply(queue.send_raw("ping"))["result"] == "pong"


@pytest.mark.parametrize("class_path", CLASS_PATHS)
def test_a_native_reply_repeats_its_request(queue: Queue, class_path: str) -> None:
    sent = PRPCMessage("add_thread", [1], {"b": 2})
    reply = json.loads(queue.document(queue.send_message(sent, class_path)))
    assert list(reply)[-3:] == ["result", "exception_info", "date_done_message"]
    assert (reply["py/object"], reply["func_name"], reply["func_args"]) == (class_path, "add_thread", [1])
    assert (reply["func_kwargs"], reply["result"], reply["exception_info"]) == ({"b": 2}, 3, None)


def test_a_raw_reply_has_the_originals_form(queue: Queue) -> None:
    call = queue.send_raw("add_thread", 1, b=2)
    reply = queue.raw_reply(call)
    assert list(reply) == [
        "func_name", "func_args", "func_kwargs", "message_id", "date_create_message",
        "result", "exception_info", "date_done_message",
    ]  # fmt: skip
    assert (reply["message_id"], reply["result"]) == ({"hex": call.hex}, 3)
    assert datetime.fromisoformat(reply["date_done_message"]).tzinfo is not None


def test_a_reply_lives_for_six_hours(queue: Queue) -> None:
    call = queue.send("ping")
    queue.until_settled()
    assert 21_000 < queue.redis.ttl(queue.reply_key(call)) <= 21_600


def test_values_that_json_lacks_are_put_plainly_for_raw_callers(queue: Queue) -> None:
    assert queue.raw_reply(queue.send_raw("moment_async"))["result"] == "2024-02-29T12:00:00+00:00"


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_calls_run_at_a_time_as_there_are_slots(queue: Queue, kind: str) -> None:
    calls = [queue.send(f"meet_{kind}", f"meet_{kind}", 4) for _ in range(4)]
    assert [queue.result(call) for call in calls] == [4] * 4


def test_a_process_worker_is_another_process_for_each_slot(queue: Queue, worker: Worker) -> None:
    assert queue.call("pid_process") in {descendant.pid for descendant in worker.descendants()}
    assert queue.call("pid_process") != queue.call("pid_thread")


def test_what_a_function_prints_appears_in_the_workers_output(queue: Queue, worker: Worker) -> None:
    for kind in KINDS:
        queue.call(f"talk_{kind}", f"said in a {kind}")
        assert f"said in a {kind}\n" in worker.stdout()


def test_many_calls_of_all_kinds_are_answered_each_with_its_own_result(queue: Queue) -> None:
    calls = {queue.send(f"echo_{KINDS[number % 3]}", number): number for number in range(900)}
    assert {call: queue.result(call) for call in calls} == calls
