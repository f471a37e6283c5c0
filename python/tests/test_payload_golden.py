"""The same pairs of values and texts as in the runtime's tests: both sides of the socket must agree exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

import vectors
from prpc.values import Tagger, untag_object

PAIRS = json.loads((vectors.FOLDER.parent / "payload.json").read_text())


@pytest.mark.parametrize(("description", "text"), PAIRS, ids=[text[:40] for _, text in PAIRS])
def test_value_and_text_stand_for_each_other(description: Any, text: str) -> None:
    value = vectors.value(description)
    tagger = Tagger()
    assert json.dumps(tagger.tag(value), separators=(",", ":")) == text
    read = json.loads(text, object_hook=untag_object if tagger.tagged else None)
    assert vectors.same(read, value)
