"""The chart as each Helm renders it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

HERE = Path(__file__).parent
CHART = HERE.parent.parent / "charts" / "prpc"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
TOOLS = Path(os.environ.get("PRPC_TOOLS") or CACHE / "prpc" / "tools")
KUBERNETES = "1.34"


def run(*command: str | Path) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@cache
def _template(program: Path, chart: Path, values: str) -> str:
    name = ("prpc", str(chart), "--namespace", "prpc-system", "--kube-version", f"{KUBERNETES}.0")
    command = (program, "template", *name, "--values", "-")
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


class Refused(Exception):
    """What Helm said when it did not render the chart."""


@dataclass(frozen=True)
class Helm:
    program: Path

    def template(self, values: Mapping[str, Any] | None = None, chart: Path = CHART) -> list[Object]:
        """The objects of a release `prpc` in the namespace `prpc-system`."""
        text = _template(self.program, chart, yaml.safe_dump(dict(values or {})))
        return [document for document in yaml.safe_load_all(text) if document]

    def notes(self, values: Mapping[str, Any], folder: Path) -> str:
        """NOTES.txt, which `helm template` leaves out: rendered as an object of a copy of the chart."""
        copy = folder / "chart"
        shutil.copytree(CHART, copy)
        (copy / "templates" / "NOTES.txt").rename(copy / "files" / "NOTES.txt")
        (copy / "templates" / "notes.yaml").write_text('notes: {{ tpl (.Files.Get "files/NOTES.txt") . | quote }}\n')
        return str(next(item for item in self.template(values, copy) if "notes" in item)["notes"])


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    return [item for item in objects if item["kind"] in kinds]


def only(objects: Iterable[Object], kind: str) -> Object:
    """The object of a kind that there is one of."""
    [item] = of_kind(objects, kind)
    return item


def pods(objects: Iterable[Object]) -> Iterator[Object]:
    """Specifications of all pods, whatever creates them."""
    for item in of_kind(objects, "Deployment", "Pod"):
        yield item["spec"]["template"]["spec"] if item["kind"] == "Deployment" else item["spec"]


def operator(objects: Iterable[Object]) -> Object:
    """The container of the operator."""
    [container] = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def environment(container: Object) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
