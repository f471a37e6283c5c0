"""Documents as JSON trees, after the text checks of the protocol."""

from __future__ import annotations

import json
from typing import Any

from prpc.native.grammar import MAX_BYTES, NativeError


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NativeError("duplicate-key")
    return members


_decode = json.JSONDecoder(object_pairs_hook=_refuse_duplicates).decode


def _refuse_surrogates(tree: Any) -> None:
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode()
            except UnicodeEncodeError:
                raise NativeError("surrogate") from None
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())


def parse(document: bytes | str) -> Any:
    """The JSON tree of a document, after the text checks of the protocol."""
    if isinstance(document, str):
        text = document
    else:
        if len(document) > MAX_BYTES:
            raise NativeError("too-large")
        try:
            text = document.decode()
        except UnicodeDecodeError:
            raise NativeError("not-utf8") from None
    if text.startswith("\ufeff"):
        text = text[1:]
    try:
        tree = _decode(text)
    except RecursionError:
        raise NativeError("too-deep") from None
    except json.JSONDecodeError as error:
        raise NativeError("not-json", str(error)) from None
    except NativeError:
        raise
    except ValueError:
        raise NativeError("big-number") from None
    if "\\u" in text:
        _refuse_surrogates(tree)
    return tree
