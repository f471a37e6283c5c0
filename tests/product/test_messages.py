"""Every entry that can stand in a request stream ends once: run, refused with a reply, or set aside."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import vectors
from conftest import StartWorker
from prpc.native import read_reply
from queue_client import Queue
from worker import Worker

CASES = [("native", case) for case in vectors.load("request")] + [("raw", case) for case in vectors.load("raw_request")]


@pytest.fixture(scope="module")
def queue(module_queue: Queue) -> Queue:
    """All of these tests share one queue."""
    return module_queue


@pytest.fixture(scope="module", autouse=True)
def worker(start_for_module: StartWorker, queue: Queue) -> Worker:
    """One worker gets all of these entries."""
    return start_for_module("recorder:app", queue).until_ready()


def _outcome(queue: Queue, family: str, message_id: str | None) -> bytes | None:
    """The reply, once everything is finished. (Some cases share an id, so a reply may lie there from before.)"""
    queue.until_settled()
    reply: bytes | None = queue.redis.get(queue.reply_key(message_id, family)) if message_id else None
    return reply


def _error(family: str, document: bytes) -> str:
    text = json.loads(document)["exception_info"] if family == "raw" else read_reply(document).exception_info
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(("family", "case"), CASES, ids=lambda of: of["name"] if isinstance(of, dict) else of)
def test_an_entry_ends_as_the_protocol_says(queue: Queue, worker: Worker, family: str, case: dict[str, Any]) -> None:
    message_id: str | None = case.get("message_id") or case.get("may_reply")
    expected = vectors.value(case["value"]) if case["expect"] == "run" else {}
    if expected:
        message_id = str(expected["message_id"])
    ran, dead = worker.trace.lines("ran"), len(queue.dead())
    if message_id:
        queue.redis.delete(queue.reply_key(message_id, family))

    queue.add(vectors.document(case), family)
    reply = _outcome(queue, family, message_id)
    now_ran, now_dead = worker.trace.lines("ran"), queue.dead()

    if case["expect"] == "run":
        assert reply is not None and len(now_dead) == dead
        name = expected["func_name"]
        if name == "":
            assert _error(family, reply) == "func name '' not found in server"
            return
        assert now_ran == [*ran, name]
        if family == "native":
            args, kwargs = read_reply(reply).result
            assert vectors.same(list(args), list(expected["func_args"]))
            assert vectors.same(kwargs, expected["func_kwargs"])
        else:
            assert json.loads(reply)["exception_info"] is None
        return

    assert now_ran == ran, "what is no request must not run anything"
    if case["expect"] == "error-reply" or (case.get("may_reply") and reply is not None):
        assert reply is not None and len(now_dead) == dead
        assert case["reason"] in _error(family, reply)
    else:
        assert reply is None and len(now_dead) == dead + 1
        assert now_dead[-1]["reason"].decode() == case["reason"]
        assert vectors.document(case).startswith(now_dead[-1]["body"])


@pytest.mark.parametrize("family", ["native", "raw"])
@pytest.mark.parametrize(
    "fields", [{"other": "x"}, {"message": ""}, {"Message": "{}"}], ids=["no message", "empty", "another case"]
)
def test_an_entry_without_a_message_is_set_aside(queue: Queue, family: str, fields: dict[Any, Any]) -> None:
    dead = len(queue.dead())
    queue.redis.xadd(queue.streams[family], fields)
    queue.until_settled()
    assert len(queue.dead()) == dead + 1


@pytest.mark.parametrize("family", ["native", "raw"])
def test_a_message_over_the_size_limit_is_set_aside_and_only_its_beginning_kept(queue: Queue, family: str) -> None:
    queue.add(b'{"x": "' + b"a" * (16 << 20) + b'"}', family)
    queue.until_settled()
    letter = queue.dead()[-1]
    assert letter["reason"] == b"too-large"
    assert len(letter["body"]) <= 1 << 20


def test_a_thousand_damaged_messages_end_and_nothing_runs(queue: Queue, worker: Worker) -> None:
    damage = random.Random(1)
    documents = [(family, bytearray(vectors.document(case))) for family, case in CASES if case["expect"] != "run"]
    ran = worker.trace.lines("ran")
    for number in range(1000):
        family, document = documents[number % len(documents)]
        broken = document[: damage.randrange(len(document) + 1)]
        queue.add(bytes(broken), family)
    queue.until_settled()
    assert worker.trace.lines("ran") == ran


def test_after_all_of_them_the_server_answers(queue: Queue, worker: Worker) -> None:
    assert worker.is_running()
    assert queue.call("f", 1) == [(1,), {}]
    assert queue.pending() == 0
