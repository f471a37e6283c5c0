"""The network of a pod, entered without the API server: containers of kind share this machine's kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cluster import Namespace

REFUSED = ("ERR", "NOAUTH", "WRONGPASS", "Could not connect")
"""What redis-cli prints, and succeeds."""


class Inside:
    """Commands of this machine in the network of the pod of an application."""

    def __init__(self, place: Namespace, app: str, program: str) -> None:
        [pod] = place.objects("pods", f"app={app}")
        self._pid = process(pod["metadata"]["uid"], program)
        self.password = ""

    def run(self, *command: str) -> str:
        """What a command prints; it must succeed."""
        entered = ["nsenter", "--net", f"--target={self._pid}", *command]
        variables = {**os.environ, "REDISCLI_AUTH": self.password} if self.password else None
        done = subprocess.run(entered, env=variables, capture_output=True, text=True, check=True)
        assert not done.stdout.startswith(REFUSED), f"{command}: {done.stdout}"
        return done.stdout.strip()


def process(uid: str, program: str) -> int:
    """The process of a pod that runs a program."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (folder / "comm").read_text().strip() == program:
            groups = (folder / "cgroup").read_text()
            if uid in groups or uid.replace("-", "_") in groups:
                return int(folder.name)
    raise AssertionError(f"no {program} of the pod {uid} runs on this machine")
