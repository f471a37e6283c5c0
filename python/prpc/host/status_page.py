"""The memory file that tells the runtime what a host runs, also when the host is stuck or dead.

Per slot two native 64-bit words: the call (0: idle) and its start by the monotonic clock.
"""

from __future__ import annotations

import mmap
import os


def open_page(fd: int) -> memoryview:
    """The words of the page behind a descriptor, which is closed: `[2 * slot]` the call, `[2 * slot + 1]` its start.

    Write the start first: a call without start would count as one that is over its limit.
    """
    page = mmap.mmap(fd, os.fstat(fd).st_size)
    os.close(fd)
    return memoryview(page).cast("Q")
