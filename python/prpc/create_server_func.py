"""`python -m prpc.create_server_func`: writes `prpc/server_func.py`, one function for each function of the server.

The text of the file is the original's. What the server sends becomes Python source here, so names, annotations and
defaults are pasted only if they belong to a closed grammar: names, subscripts, `|` and literals. Nothing is executed
but annotations of that grammar. What would make the file unusable is left out with a warning.
"""

from __future__ import annotations

import argparse
import keyword
import sys
import warnings
from pathlib import Path
from typing import Any

from prpc.source_text import NO_VALUE, evaluated, is_annotation

HEAD = "from prpc.app_client import AwaitableTask \nfrom typing import * \n\n\n"
TIMEOUT = 30.0
TARGET = Path(__file__).with_name("server_func.py")


class LeftOut(UserWarning):
    """A function, an annotation or a default is missing from the generated file."""


class _Unusable(Exception):
    """A function cannot be written. The text says why."""


def generate(entries: list[Any]) -> str:
    """The source text for the entries of `get_function_server`. Warns with LeftOut about what is missing from it."""
    taken = {entry.get("func_name") for entry in entries if isinstance(entry, dict)}
    functions = []
    for entry in entries:
        try:
            functions.append(_function(entry, taken))
        except _Unusable as reason:
            name = entry.get("func_name") if isinstance(entry, dict) else entry
            _warn(f"the function {_shown(name)} is left out: {reason}")
    return HEAD + "".join(f"{source} \n\n\n" for source in functions) + "\n\n"


def _function(entry: Any, taken: set[Any]) -> str:
    if not isinstance(entry, dict):
        raise _Unusable("its entry is not a dict")
    name = _name(entry.get("func_name"))
    by_position = _parameters(name, entry.get("func_args"), taken)
    by_name = _parameters(name, entry.get("func_kwargs"), taken)
    head = ", ".join([*by_position.values(), *by_name.values()])
    args = ", ".join(by_position) + ("," if len(by_position) == 1 else "")
    kwargs = ", ".join(f"'{parameter}': {parameter}" for parameter in by_name)
    source = f"def {name}({head}):\n\treturn AwaitableTask('{name}', ({args}), {{{kwargs}}})"
    try:
        compile(source, "<server_func>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _Unusable(f"its parameters make no valid definition: {error}") from None
    return source


def _parameters(function: str, entries: Any, taken: set[Any]) -> dict[str, str]:
    """Name and source of each parameter."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _Unusable("its parameters are not a list of dicts")
    parameters: dict[str, str] = {}
    for entry in entries:
        name = _name(entry.get("name"))
        source = name
        if "annotation" in entry:
            annotation = entry["annotation"]
            if is_annotation(annotation, taken):
                source += f":{annotation}"
            else:
                _warn(f"{function}: the annotation of {name} is left out: {_shown(annotation)}")
        if "default" in entry:
            default = _default(entry["default"])
            if default is None:
                _warn(f"{function}: the parameter {name} is left out, its default is no literal: {entry['default']!r}")
                continue
            source += f"={default}"
        if name in parameters:
            raise _Unusable(f"two parameters are called {name}")
        parameters[name] = source
    return parameters


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name == "AwaitableTask":
        raise _Unusable(f"{_shown(name)} cannot be used as a name")
    return name


def _default(value: Any) -> str | None:
    """The source of a default. A string is source already, unless it is a plain text of an original server."""
    if isinstance(value, str):
        return repr(value) if evaluated(value) is NO_VALUE else value
    source = str(value)
    found = evaluated(source)
    return source if type(found) is type(value) and found == value else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _warn(text: str) -> None:
    warnings.warn(text, LeftOut, stacklevel=4)


def _asked() -> list[Any]:
    """What the server says. Any exception means that there is no list."""
    from prpc.app_client import ClientTimeOutError, get_function_server

    try:
        entries = get_function_server().sync_wait_result_task(TIMEOUT)
    except ClientTimeOutError:
        raise TimeoutError(f"no answer within {TIMEOUT:g} s. Is a server of this queue running?") from None
    if not isinstance(entries, list):
        raise TypeError(f"the answer is no list: {_shown(entries)}")
    return entries


def main(arguments: list[str] | None = None, target: Path = TARGET) -> int:
    """Ask the server for its functions and write the file. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m prpc.create_server_func", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=target, metavar="PATH", help=f"the file (default: {target})")
    output: Path = parser.parse_args(arguments).output

    try:
        entries = _asked()
    except Exception as error:
        print(f"the server cannot be asked for its functions: {error}", file=sys.stderr)
        return 1
    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always", LeftOut)
        source = generate(entries)
    for warning in left_out:
        print(f"warning: {warning.message}", file=sys.stderr)
    try:
        output.write_text(source, encoding="utf-8")
    except OSError as error:
        print(f"{output} cannot be written: {error.strerror}; name another file with --output PATH", file=sys.stderr)
        return 1
    print(f"{output} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
