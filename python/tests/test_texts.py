"""Long texts beside the frames: both sides of the shared memory."""

from __future__ import annotations

import json
import random
from typing import Any

from host_runtime import texts_of_the_runtime
from prpc.host.texts import RING, SIZE, Texts
from prpc.values import LongText


def sides() -> tuple[Texts, Texts]:
    """A host's side of new memory, and the runtime's."""
    memory = memoryview(bytearray(SIZE))
    return Texts(memory), texts_of_the_runtime(memory)


def read(texts: Texts, document: str) -> Any:
    return texts.scan(document, 0)[0]


def test_a_text_arrives_beside_the_document_that_names_it() -> None:
    host, runtime = sides()
    document = host.encode([1, {"a": LongText("é" * 9000), "b": [LongText("x\ny" * 9000)]}])
    assert len(document) < 100
    assert host.unread
    assert read(runtime, document) == [1, {"a": "é" * 9000, "b": ["x\ny" * 9000]}]
    assert not host.unread


def test_a_text_without_room_stands_in_the_document() -> None:
    host, runtime = sides()
    longest, one = LongText("a" * RING), LongText("b")
    assert json.loads(host.encode([longest, one])) == [{"$text": [0, RING]}, "b"]
    assert json.loads(host.encode(LongText("a" * (RING + 1)))) == "a" * (RING + 1)
    assert read(runtime, json.dumps({"$text": [0, RING]})) == longest.text
    assert json.loads(host.encode(one)) == {"$text": [RING, 1]}


def test_an_object_with_more_members_than_the_place_is_what_it_says() -> None:
    host, _ = sides()
    assert read(host, '{"$text":[0,1],"a":1}') == {"$text": [0, 1], "a": 1}


def test_texts_that_are_read_make_room_for_others_without_being_written_over() -> None:
    host, runtime = sides()
    chance, sent, placed = random.Random(5), [], 0
    for number in range(400):
        text = chr(97 + number % 26) * chance.randrange(1, RING // 3)
        document = host.encode(LongText(text))
        placed += document.startswith("{")
        sent.append((document, text))
        while sent and chance.random() < 0.5:
            document, text = sent.pop(0)
            assert read(runtime, document) == text
    assert 100 < placed < 400
