"""A call that takes too much memory is ended before the kernel ends the pod, and its caller is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import StartWorker
from deadline import until
from queue_client import Queue
from worker import BINARY

LIMIT_MIB = 256
MOUNT = Path("/sys/fs/cgroup")


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with a limit, of whichever version the machine has."""
    first = (MOUNT / "memory").is_dir()
    folder = (MOUNT / "memory" if first else MOUNT) / f"prpc-test-{os.getpid()}"
    try:
        folder.mkdir()
        limit = folder / ("memory.limit_in_bytes" if first else "memory.max")
        limit.write_text(str(LIMIT_MIB << 20))
        # Without it a machine with swap would never be short of memory.
        swap = folder / ("memory.memsw.limit_in_bytes" if first else "memory.swap.max")
        if swap.exists():
            swap.write_text(str(LIMIT_MIB << 20) if first else "0")
    except OSError as error:
        pytest.skip(f"needs root and control groups that can be written to: {error}")
    yield folder
    until(lambda: not (folder / "cgroup.procs").read_text(), "the group is empty")
    folder.rmdir()


@pytest.mark.parametrize("kind", ["process", "thread", "async"])
def test_a_call_that_takes_too_much_is_ended_and_told(queue: Queue, group: Path, start: StartWorker, kind: str) -> None:
    enter = ["bash", "-c", f"echo $$ >{group}/cgroup.procs && exec {BINARY} run hungry:app"]
    worker = start("hungry:app", queue, command=enter, PRPC_CONCURRENCY=2).until_ready()
    eaten = queue.send(f"eat_{kind}")
    error = queue.error(eaten)
    assert error.startswith("the worker process ended during the call: ended before the pod's memory was used up")
    assert f"of the {LIMIT_MIB} MiB that the pod may use" in error
    assert queue.call("add", 1, 2) == 3
    assert len(worker.trace.lines("eat")) == 1
    assert worker.is_running()
    queue.until_settled()
    worker.terminate()
    assert worker.exit_code() == 0
