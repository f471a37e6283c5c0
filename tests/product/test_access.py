"""The rights on Redis that the documents list are enough to serve and look after a queue, and end at the queue."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
import redis

from conftest import StartWorker
from queue_client import Queue
from redis_server import RedisServer
from worker import BINARY, ROOT, environment

RULE = re.compile(r"^ACL SETUSER orders (.*)$", re.MULTILINE)


@pytest.fixture
def orders(redis_server: RedisServer) -> str:
    """The address with the user of the operations guide."""
    rule = RULE.search((ROOT / "docs/operations.md").read_text())
    assert rule
    redis_server.client.execute_command(
        "ACL", "SETUSER", "orders", "reset", *rule[1].replace("PASSWORD", "s3cret").split()
    )
    return redis_server.url.replace("redis://", "redis://orders:s3cret@")


def test_the_listed_rights_are_enough_to_serve_and_look_after_a_queue(
    redis_server: RedisServer, start: StartWorker, orders: str
) -> None:
    queue = Queue(redis_server, "orders")
    start("recorder:app", queue, PRPC_URL_BROKER=orders, PRPC_MAX_ATTEMPTS=1).until_ready()
    assert queue.call("f", 1) == [(1,), {}]
    redis_server.client.xadd("prpc_orders", {"message": "no request"})
    queue.until_settled()

    def look(*command: str) -> str:
        variables = environment(PRPC_URL_BROKER=orders, PRPC_QUEUE_NAME="orders")
        done = subprocess.run([BINARY, *command], env={**os.environ, **variables}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(look("queue", "--json"))["undelivered"] == 0
    (dead,) = json.loads(look("dead", "list", "--json"))
    look("dead", "drop", dead["id"])
    assert look("call", "f", "2").strip()


def test_the_listed_rights_end_at_the_queue(orders: str) -> None:
    user: Any = redis.Redis.from_url(orders)
    for command in (["GET", "other"], ["XLEN", "prpc_mail"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"]):
        with pytest.raises(redis.exceptions.NoPermissionError):
            user.execute_command(*command)
