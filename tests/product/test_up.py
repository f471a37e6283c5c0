"""`prpc up` follows the backlog with its workers, as the operator does with pods."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from deadline import until
from queue_client import Queue
from redis_server import RedisServer
from worker import BINARY, ROOT, environment

HELLO = ROOT / "examples/hello"


def test_a_burst_gets_more_workers_and_fewer_afterwards(redis_server: RedisServer, tmp_path: Path) -> None:
    queue = Queue(redis_server, "hello")
    variables = environment(XDG_RUNTIME_DIR=tmp_path)
    output = tmp_path / "output"
    with output.open("wb") as lines:
        command = [BINARY, "up", "--broker", redis_server.url]
        up = subprocess.Popen(command, cwd=HELLO, env=variables, stdout=lines, stderr=subprocess.STDOUT)
    try:
        client = environment(PRPC_TYPE_BROKER="redis", PRPC_URL_BROKER=redis_server.url, PRPC_QUEUE_NAME="hello")
        burst = subprocess.run(
            [sys.executable, "burst.py"], cwd=HELLO, env=client, capture_output=True, text=True, timeout=180
        )
        assert burst.stdout == "100 calls answered\n", burst.stderr
        until(lambda: " to 1: 0 waiting + 0 in work" in output.read_text(), "one worker again")
        # At once or in two steps: the first look may come while the client still writes.
        assert re.search("scaled from . to 4: ", output.read_text())
        queue.until_settled()
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
    finally:
        up.kill()
