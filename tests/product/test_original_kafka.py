"""The stand-ins for the original's programs do over Kafka what those do, also with what they cannot bear."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from kafka_server import KafkaServer
from original_kafka import ClientTimeOutError, KafkaQueue, OriginalCall, RawCaller
from original_kafka_server import OriginalKafkaServer, make_topics
from prpc.native import CLASS_PATHS, NativeError, write_message
from prpc.prpcmessage import PRPCMessage


def divide(a: int, b: int) -> float:
    """Something that can fail."""
    return a / b


class Gate:
    """A function whose calls wait until they may end."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def __call__(self, number: int) -> int:
        assert self._open.wait(60)
        return number

    def open_later(self) -> None:
        """Opens it while somebody waits."""
        threading.Timer(1.5, self._open.set).start()


@pytest.fixture(scope="module")
def served(kafka: KafkaServer) -> Iterator[KafkaQueue]:
    """A queue with a server."""
    queue = KafkaQueue.new(kafka)
    server = OriginalKafkaServer(queue, divide)
    yield queue
    server.close()


def test_a_call_is_answered(served: KafkaQueue) -> None:
    calls = [OriginalCall(served, "divide", number, 2) for number in range(8)]
    assert [call.wait(30) for call in calls] == [number / 2 for number in range(8)]
    assert calls[0].wait(30) is None, "the result was taken before"


def test_a_call_is_answered_in_an_event_loop(served: KafkaQueue) -> None:
    async def call_all() -> list[Any]:
        calls = [OriginalCall(served, "divide", number, 2) for number in range(8)]
        return await asyncio.gather(*(call.wait_async(30) for call in calls))

    assert asyncio.run(call_all()) == [number / 2 for number in range(8)]


def test_an_error_reply_is_an_exception_with_its_text(served: KafkaQueue) -> None:
    with pytest.raises(Exception, match=r"^division by zero$"):
        OriginalCall(served, "divide", 1, 0).wait(30)
    with pytest.raises(Exception, match=r"^division by zero$"):
        asyncio.run(OriginalCall(served, "divide", 1, 0).wait_async(30))


def test_waiting_may_be_given_up_and_begun_again(kafka: KafkaServer) -> None:
    queue, gate = KafkaQueue.new(kafka), Gate()
    server = OriginalKafkaServer(queue, gate)
    calls = [OriginalCall(queue, "gate", number) for number in range(2)]
    with pytest.raises(ClientTimeOutError, match=r"^the task was completed by wait timeout 0\.3 secs\.$"):
        calls[0].wait(0.3)
    with pytest.raises(ClientTimeOutError, match=r"^the task was completed by wait timeout 1\.0 secs\.$"):
        asyncio.run(calls[1].wait_async(1))
    gate.open_later()
    assert [calls[0].wait(30), asyncio.run(calls[1].wait_async(30))] == [0, 1]
    server.close()


def test_a_raw_call_is_answered(served: KafkaQueue) -> None:
    with contextlib.closing(RawCaller(served)) as caller:
        good, bad = caller.send("divide", 6, 2), caller.send("divide", a=1, b=0)
        assert caller.reply(good)["result"] == 3
        assert caller.reply(bad)["exception_info"] == "division by zero"


@pytest.mark.parametrize(
    "reply",
    [b"no reply", write_message(PRPCMessage("f")).encode(), write_message(PRPCMessage("f"), CLASS_PATHS[1]).encode()],
    ids=["no JSON", "no outcome", "another class"],
)
def test_a_reply_that_cannot_be_read_ends_every_wait(kafka: KafkaServer, reply: bytes) -> None:
    queue = KafkaQueue.new(kafka)
    make_topics(queue, slots=1)
    calls = [OriginalCall(queue, "divide", 1, 1) for _ in range(2)]
    with contextlib.closing(KafkaProducer(bootstrap_servers=kafka.bootstrap)) as producer:
        producer.send(queue.replies(), reply).get(30)
    for call in calls:
        with pytest.raises((NativeError, ValueError)):
            call.wait(30)
        with pytest.raises((NativeError, ValueError)):
            asyncio.run(call.wait_async(30))
