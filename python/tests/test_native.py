from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest

import vectors
from prpc import native
from prpc.prpcmessage import PRPCMessage

REPLIES = vectors.load("reply")
REQUESTS = vectors.load("request")
ID = UUID("c0ffee00-1234-4abc-8def-0123456789ab")
FIELDS = [field.name for field in fields(PRPCMessage)]


def check(message: PRPCMessage, expected: dict[str, Any]) -> None:
    for name in FIELDS:
        if name in expected:
            assert vectors.same(getattr(message, name), expected[name]), name


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case["name"])
def test_reply_is_read(case: dict[str, Any]) -> None:
    expected = vectors.value(case["value"])
    check(native.read_reply(vectors.document(case)), expected)
    if case["expanded"] is not None:
        check(native.read_reply(case["expanded"]), expected)


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case["name"])
def test_written_reply_is_read_back(case: dict[str, Any]) -> None:
    expected = vectors.value(case["value"])
    path = expected.pop("class")
    text = native.write_message(PRPCMessage(**expected), path)
    assert "py/id" not in text
    check(native.read_reply(text), expected)
    full = case["expanded"] or case["bytes"]
    if full is not None and "py/set" not in full and "frozenset" not in full:
        assert text == full


@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case["name"])
@pytest.mark.parametrize("repeats", [True, False])
def test_a_reply_to_a_known_request_is_read_like_any_other(case: dict[str, Any], repeats: bool) -> None:
    reply = native.read_reply(case["expanded"] or vectors.document(case))
    request = replace(reply, result=None, exception_info=None, date_done_message=None)
    sent = native.write_message(request, native.CLASS_PATHS[0] if repeats else native.CLASS_PATHS[1])
    document = native.write_message(reply)
    read = native.read_reply_to(request, sent, document.encode())
    for name in FIELDS:
        assert vectors.same(getattr(read, name), getattr(native.read_reply(document), name)), name


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ('"result": {"py/type": "os.system"}, "exception_info": null, "date_done_message": null}', "tag"),
        ('"result": 1, "exception_info": null, "date_done_message": null}', "field"),
        ('"result": 1, "result": 2, "exception_info": null, "date_done_message": null}', "duplicate-key"),
        ('"result": 1}', "field"),
        ('"result": 1', "not-json"),
    ],
)
def test_an_outcome_outside_the_grammar_is_refused(outcome: str, reason: str) -> None:
    request = PRPCMessage("f")
    sent = native.write_message(request)
    with pytest.raises(native.NativeError) as caught:
        native.read_reply_to(request, sent, (sent[: sent.rindex('"result"')] + outcome).encode())
    assert caught.value.reason == reason


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case["name"])
def test_request(case: dict[str, Any]) -> None:
    data = vectors.document(case)
    if case["expect"] == "run":
        check(native.read_message(data), vectors.value(case["value"]))
    elif case["reason"] == "already-done":
        assert native.read_message(data).date_done_message is not None
    elif case["reason"] == "too-many":
        with pytest.raises(native.NativeError):
            native.read_message(data)
    else:
        with pytest.raises(native.NativeError) as caught:
            native.read_message(data)
        assert caught.value.reason == case["reason"]


@pytest.mark.parametrize(
    "value",
    [bytearray(b"x"), object(), int, {"py/object": 1}, "\ud800", open],
    ids=lambda value: type(value).__name__,
)
def test_refused_when_written(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        native.encode([value])


def test_cycle_is_refused_when_written() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="cyclic"):
        native.encode(cycle)


@pytest.mark.parametrize("arguments", ["text", 5, None, {1}])
def test_arguments_are_checked(arguments: Any) -> None:
    with pytest.raises(TypeError, match="func_args"):
        PRPCMessage("f", arguments, {}, message_id=ID)
