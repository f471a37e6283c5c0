"""The protocol's test vectors and type-exact comparison."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

from prpc.values import untag_object

FOLDER = Path(__file__).resolve().parents[2] / "crates" / "contract" / "tests" / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text())
    assert cases
    return cases


def document(case: dict[str, Any]) -> bytes:
    text: str | None = case["bytes"]
    if text is not None:
        return text.encode("utf-8", "surrogatepass")
    if case.get("bytes_b64") is not None:
        return base64.b64decode(case["bytes_b64"])
    return "".join(text * count for text, count in case["bytes_rle"]).encode()


def value(tree: Any) -> Any:
    if type(tree) is list:
        return [value(item) for item in tree]
    if type(tree) is dict:
        if "$nest" in tree:
            nest = tree["$nest"]
            inner = value(nest["core"])
            for _ in range(nest["depth"]):
                inner = {"list": [inner], "tuple": (inner,), "dict": {"a": inner}}[nest["kind"]]
            return inner
        if "$message" in tree:
            return {name: value(item) for name, item in tree["$message"].items()}
        return untag_object({name: value(item) for name, item in tree.items()})
    return tree


def same(one: Any, two: Any) -> bool:
    if type(one) is not type(two):
        return False
    if type(one) is float:
        return repr(one) == repr(two)
    if type(one) in (list, tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if type(one) is dict:
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if type(one) in (set, frozenset):
        return one == two and sorted(map(repr, one)) == sorted(map(repr, two))
    if isinstance(one, complex):
        return repr(one) == repr(two)
    if hasattr(one, "as_tuple"):
        return str(one) == str(two)
    if hasattr(one, "tzinfo"):
        return repr(one) == repr(two)
    return one == two or (isinstance(one, float) and math.isnan(one))
