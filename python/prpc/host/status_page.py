"""The memory file that tells the runtime what a host runs, also when the host is stuck or dead; behind that long texts.

Per slot two native 64-bit words: the call (0: idle) and its start by the monotonic clock.
"""

from __future__ import annotations

import mmap
import os

from prpc.host.texts import Texts

SLOT = 16
_ALIGNMENT = 4096


def texts_begin(slots: int) -> int:
    """Where in the file the memory for long texts begins."""
    return -(-slots * SLOT // _ALIGNMENT) * _ALIGNMENT


def open_page(fd: int, slots: int) -> tuple[memoryview, Texts]:
    """What is behind a descriptor, which is closed: words, `[2 * slot]` the call and `[2 * slot + 1]` its start; texts.

    Write the start first: a call without start would count as one that is over its limit.
    """
    memory = memoryview(mmap.mmap(fd, os.fstat(fd).st_size))
    os.close(fd)
    return memory[: slots * SLOT].cast("Q"), Texts(memory[texts_begin(slots) :])
