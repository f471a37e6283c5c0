"""Callers that are many, that vanish, and that send a call twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from conftest import StartWorker
from deadline import until
from prpc.prpcmessage import PRPCMessage
from queue_client import Queue
from worker import environment

MANY = """
import asyncio
from prpc.app_client import AwaitableTask

async def call(number):
    return await AwaitableTask("work_async", (number, 0), {}).async_wait_result_task(60) == number

async def main():
    print(sum(await asyncio.gather(*(call(number) for number in range(5000)))))

asyncio.run(main())
"""
ONE = """
from prpc.app_client import AwaitableTask
task = AwaitableTask("hold_thread", ("gate",), {})
print("sent", flush=True)
task.sync_wait_result_task()
"""


def client(queue: Queue, program: str) -> subprocess.Popen[str]:
    """A Python client, as programs start it."""
    variables = {
        "PRPC_TYPE_BROKER": "redis",
        "PRPC_URL_BROKER": queue.server.url,
        "PRPC_QUEUE_NAME": queue.name,
    }
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment(**variables), stdout=subprocess.PIPE, text=True)


def test_five_thousand_callers_at_a_time_get_their_answers(queue: Queue, start: StartWorker) -> None:
    start("work:app", queue, PRPC_CONCURRENCY=64).until_ready()
    with client(queue, MANY) as callers:
        assert callers.communicate(timeout=120)[0] == "5000\n"
    queue.until_settled()
    until(lambda: not list(queue.redis.scan_iter(f"prpc_feedback_{queue.name}_*")), "replies that were read are gone")


def test_a_caller_that_vanishes_leaves_only_a_reply_that_expires(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue).until_ready()
    with client(queue, ONE) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "sent\n"
        worker.trace.until_noted("gate")
        os.kill(caller.pid, signal.SIGKILL)
    worker.trace.open_gate("gate")
    queue.until_settled()
    assert queue.redis.ttl(queue.redis.keys(f"prpc_feedback_{queue.name}_*")[0]) > 0
    forever = {key for key in queue.redis.keys(f"*{queue.name}") if queue.redis.ttl(key) < 0}
    assert forever == {stream.encode() for stream in queue.streams.values()}, "and the empty streams"
    assert queue.call("work_thread", 1) == 1


def test_a_message_that_was_sent_twice_is_answered_once_and_nothing_stays(queue: Queue, start: StartWorker) -> None:
    worker = start("work:app", queue, PRPC_CONCURRENCY=2).until_ready()
    message = PRPCMessage("hold_thread", ("gate",), {})
    call = queue.send_message(message)
    assert queue.send_message(message) == call
    worker.trace.until_noted("gate", 2)
    worker.trace.open_gate("gate")
    assert queue.result(call) == "gate"
    queue.until_settled()
    assert queue.call("work_thread", 1) == 1
