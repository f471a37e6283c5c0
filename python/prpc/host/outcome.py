"""What became of a call, as it travels to the runtime: `[call, status, value, run_ns]`."""

from __future__ import annotations

from prpc.host.frames import Kind, write_document, write_frame
from prpc.values import Tagger, Unsendable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from prpc.host.texts import Texts

    Function = Callable[..., Any]

    Result = tuple[int, int, Any, int]
    """One outcome: `call, status, value, run_ns`. A list of them is the document of a RESULTS frame."""

RETURNED, RAISED, CANCELLED, UNSENDABLE = 0, 1, 2, 4

_LONG = 8 << 10
"""Characters of a text that rather travels beside the frame."""

LONGEST_RESULT = 16 << 20
"""Bytes of one result, as long as a request may be; a frame may be longer."""


def returned(call: int, value: Any, run_ns: int) -> tuple[Result, bool]:
    """A function returned; and whether the result carries a tag."""
    kind = type(value)
    if value is None or kind is bool or kind is float or (kind is int and -(1 << 63) <= value < 1 << 63):
        return (call, RETURNED, value, run_ns), False
    tagger = Tagger(longest=_LONG)
    try:
        return (call, RETURNED, tagger.tag(value), run_ns), tagger.tagged
    except Unsendable as error:
        text = str(error)
    except Exception as error:  # it changed while it was read, or its code for comparing failed
        text = f"a value of type {kind.__name__} cannot be sent: {describe(error)}"
    return (call, UNSENDABLE, _encodable(text), run_ns), False


def raised(call: int, error: BaseException, run_ns: int) -> Result:
    """A function raised."""
    return (call, RAISED, {"type": type(error).__name__, "text": describe(error)}, run_ns)


def describe(error: BaseException) -> str:
    """What the caller is told of an exception; never empty."""
    try:
        return _encodable(str(error) or repr(error) or type(error).__name__)
    except BaseException:  # code of the program, which may raise anything
        return _encodable(type(error).__name__)


def frames(results: list[Result], tagged: bool, texts: Texts) -> list[bytes]:
    """RESULTS frames that together carry these results; a result that is too long for one becomes an error."""
    payload = texts.encode(results).encode("ascii")
    if len(payload) <= LONGEST_RESULT:
        return [write_frame(Kind.RESULTS, payload, tagged)]
    if len(results) > 1:
        middle = len(results) // 2
        return frames(results[:middle], tagged, texts) + frames(results[middle:], tagged, texts)
    [(call, _, _, run_ns)] = results
    text = f"a result of {len(payload)} bytes cannot be sent, at most {LONGEST_RESULT} are"
    return [write_frame(Kind.RESULTS, write_document([(call, UNSENDABLE, text, run_ns)]))]


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
