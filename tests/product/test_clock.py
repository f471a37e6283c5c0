"""Clocks that jump by an hour, of a worker and of Redis."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from conftest import StartWorker
from queue_client import Queue
from redis_server import RedisServer
from worker import PROGRAMS, Worker

HOUR = 3600


class Clock:
    """The time of day of processes that have these variables. What only counts seconds goes on as it does."""

    def __init__(self, folder: Path) -> None:
        library, file = folder / "clock.so", folder / "clock"
        command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(PROGRAMS / "clock.c")]
        subprocess.run(command, check=True)
        self._file = file
        self.jump(0)
        self.variables = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(file)}

    def jump(self, seconds: int) -> None:
        """Is so far from the true time from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))


def calls_go_on(queue: Queue, worker: Worker, jump: int) -> None:
    assert [queue.call(f"work_{kind}", jump) for kind in ("thread", "process", "async")] == [jump] * 3
    assert "server timeout" in queue.error(queue.send("hold_thread", f"never_{jump}"))
    worker.until_ready()


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_the_clock_of_a_worker_jumps(queue: Queue, start: StartWorker, tmp_path: Path, jump: int) -> None:
    clock = Clock(tmp_path)
    worker = start("work:app", queue, PRPC_TIMEOUT_SEC=2, **clock.variables).until_ready()
    held = queue.send("hold_thread", "gate")
    worker.trace.until_noted("gate")
    clock.jump(jump)
    told = datetime.now(timezone.utc) + timedelta(seconds=jump)
    worker.trace.open_gate("gate")
    done = queue.reply(held).date_done_message
    assert done is not None
    assert abs(done - told) < timedelta(minutes=1), "the worker's clock has jumped indeed"
    calls_go_on(queue, worker, jump)
    queue.until_settled()
    assert len(worker.trace.lines("gate")) == 1


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_the_clock_of_redis_jumps(start: StartWorker, tmp_path: Path, jump: int) -> None:
    clock = Clock(tmp_path)
    server = RedisServer(tmp_path, variables={**os.environ, **clock.variables})
    try:
        queue = Queue(server.start())
        workers = [start("work:app", queue, PRPC_TIMEOUT_SEC=2, PRPC_CONCURRENCY=1).until_ready() for _ in range(2)]
        held = queue.send("hold_thread", "gate")
        workers[0].trace.until_noted("gate")
        clock.jump(jump)
        assert abs(queue.redis.time()[0] - time.time() - jump) < 60, "its clock has jumped indeed"
        # For Redis the call seems abandoned now, so it may be started again: at least once is what is promised.
        calls_go_on(queue, workers[0], jump)
        workers[0].trace.open_gate("gate")
        assert queue.reply(held).is_message_done()
        queue.until_settled()
    finally:
        server.kill()
