"""The guide: its commands print what stands there, one after the other, in a namespace of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cluster import forwarded, kubectl, wait_for

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "e2e-guide"
GUIDE = ROOT / "docs/guide.md"
STEPS = [
    step.partition("\n")[::2]
    for block in re.findall(r"^```shell\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    for step in block.removeprefix("$ ").split("\n$ ")
]


@pytest.fixture(scope="module")
def guided() -> Iterator[dict[str, str]]:
    """An environment in which kubectl means an empty namespace, and which the steps may add to."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kubectl("create", "namespace", NAMESPACE)
    kubeconfig = ROOT / "target/guide.kubeconfig"
    kubeconfig.parent.mkdir(exist_ok=True)
    kubeconfig.write_text(kubectl("config", "view", "--raw", "--minify"))
    path = os.pathsep.join([str(ROOT / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path, "PYTHONPATH": str(ROOT / "python")}
    subprocess.run(
        ["kubectl", "config", "set-context", "--current", f"--namespace={NAMESPACE}"], env=environment, check=True
    )
    yield environment
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_every_command_prints_what_is_shown(guided: dict[str, str]) -> None:
    with ExitStack() as tunnels:
        for command, shown in STEPS:
            if command.startswith("export "):
                guided.update(word.split("=", 1) for word in command.split()[1:])
            elif command.startswith("kubectl port-forward"):
                # A port that is free here; the guide's may be taken.
                guided["TUNNEL"] = str(tunnels.enter_context(forwarded(NAMESPACE, "service/redis", 6379)))
            else:
                run(guided, command, shown.strip())


def run(environment: dict[str, str], command: str, shown: str) -> None:
    """Run a command until it prints what is shown; `…` stands for anything, any blanks for blanks."""
    environment = {
        key: value.replace(":6379", f":{environment.get('TUNNEL', 6379)}") for key, value in environment.items()
    }
    words = [re.escape(part).replace(r"\ ", " ") for part in re.sub(r"\s+", " ", shown).split("…")]
    right = re.compile(".*".join(words), re.DOTALL)
    printed: list[str] = []

    def prints() -> bool:
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        printed[:] = [done.stdout + done.stderr]
        return bool(right.fullmatch(re.sub(r"\s+", " ", printed[0]).strip()))

    try:
        # What changes something runs once.
        changes = command.startswith(("kubectl apply", "kubectl delete", "python"))
        wait_for(command, prints, 0 if changes else 60)
    except AssertionError as error:
        raise AssertionError(f"$ {command}\n{shown}\n--- but printed\n{printed[0]}") from error
