from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import vectors
from prpc.values import Tagger, Unsendable, untag_object

VALUES = [case for case in vectors.load("reply") if case["name"].startswith("result/")]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case["name"])
def test_round_trip(case: dict[str, Any]) -> None:
    value = vectors.value(case["value"])["result"]
    tagger = Tagger()
    text = json.dumps(tagger.tag(value))
    assert vectors.same(json.loads(text, object_hook=untag_object), value)
    if not tagger.tagged:
        assert vectors.same(json.loads(text), value)


def test_a_type_whose_module_is_not_loaded_can_arrive() -> None:
    script = (
        "import sys; from prpc.values import tag, untag; assert 'decimal' not in sys.modules; "
        "print(tag(untag({'$decimal': '1.50'})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "{'$decimal': '1.50'}\n"


def test_a_type_that_only_has_the_name_of_another_is_not_sent_as_it() -> None:
    for name in ("Decimal", "UUID", "ZoneInfo"):
        with pytest.raises(Unsendable, match=name):
            Tagger().tag(type(name, (), {})())


def test_dollar_keys_survive() -> None:
    value = {"$tuple": [1], "b": {"$x": 2}}
    tagger = Tagger()
    text = json.dumps(tagger.tag(value))
    assert tagger.tagged
    assert json.loads(text, object_hook=untag_object) == value


def test_keys_become_text() -> None:
    assert Tagger().tag({1: "a", None: "b", (1, "x"): "c"}) == {"1": "a", "null": "b", "(1, 'x')": "c"}


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "type object"),
        (bytearray(), "type bytearray"),
        ([Text("x")], "Text"),
        ("\udc80", "surrogate"),
        ({"\udc80": 1}, "surrogate"),
        (10**4300, "4300"),
    ],
    ids=repr if False else lambda value: type(value).__name__,
)
def test_unsendable(value: Any, words: str) -> None:
    with pytest.raises(Unsendable, match=words):
        Tagger().tag(value)


def test_largest_integer() -> None:
    assert Tagger().tag(10**4300 - 1) == 10**4300 - 1


def test_cycle_and_growth() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(Unsendable, match="cyclic"):
        Tagger().tag(cycle)
    grown: list[Any] = []
    for _ in range(40):
        grown = [grown, grown]
    with pytest.raises(Unsendable, match="1000000"):
        Tagger().tag(grown)
