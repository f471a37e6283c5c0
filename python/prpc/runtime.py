"""From a Python program to the runtime: finds the binary and becomes it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

PROGRAM = "prpc"


def execute() -> NoReturn:
    """Replace this process by the runtime, which runs the program that is `__main__` now.

    RuntimeError if there is no such program or no runtime; the text says what to do.
    """
    app = _main_program()
    binary = find()
    os.environ["PRPC_APP"] = app
    os.environ["PRPC_ARGV"] = json.dumps(sys.argv[1:])
    os.environ.setdefault("PRPC_PYTHON", sys.executable)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(binary, [binary, "run"])


def find() -> str:
    """The runtime's path: `PRPC_RUNTIME`, else the one that was installed with this package, else the one on PATH."""
    named = os.environ.get("PRPC_RUNTIME")
    if named:
        if os.access(named, os.X_OK) and os.path.isfile(named):
            return named
        raise RuntimeError(f"PRPC_RUNTIME={named} is not a program: set it to the path of `{PROGRAM}`, or unset it")
    for folder in _script_folders():
        if os.access(folder / PROGRAM, os.X_OK):
            return str(folder / PROGRAM)
    found = shutil.which(PROGRAM)
    if found:
        return found
    raise RuntimeError(
        f"the runtime is missing: `pip install prpc` brings it; or build `{PROGRAM}` and set PRPC_RUNTIME to its path"
    )


def _script_folders() -> Iterator[Path]:
    yield Path(sysconfig.get_path("scripts"))
    yield Path(sys.executable).parent
    yield Path(sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")))


def _main_program() -> str:
    """As the runtime names it: the path of a script, or `-m module`."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        name: str = spec.name
        return f"-m {name.removesuffix('.__main__')}"
    path: str | None = getattr(main, "__file__", None)
    if path is None:
        raise RuntimeError("app.start() needs a program in a file: the workers load it again")
    return os.path.abspath(path)
