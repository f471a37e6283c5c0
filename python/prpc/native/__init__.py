"""The native message form: jsonpickle documents, read and written without jsonpickle (protocol, sections 3 to 6, 9)."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from prpc.native.grammar import NativeError
from prpc.native.read import read_members
from prpc.native.text import parse
from prpc.native.write import encode
from prpc.prpcmessage import PRPCMessage

__all__ = [
    "CLASS_PATHS",
    "NativeError",
    "encode",
    "parse",
    "read_message",
    "read_reply",
    "read_reply_to",
    "write_message",
]

CLASS_PATHS = ("prpc.prpcmessage.PRPCMessage", "main.prpcmessage.PRPCMessage")
_FIELDS = tuple(field.name for field in fields(PRPCMessage))


def write_message(message: PRPCMessage, class_path: str = CLASS_PATHS[0]) -> str:
    """The document for a message, without references."""
    tree: dict[str, Any] = {"py/object": class_path}
    for name in _FIELDS:
        tree[name] = encode(getattr(message, name))
    return json.dumps(tree)


def read_message(document: bytes | str) -> PRPCMessage:
    """A request or a reply. NativeError if the document is outside the grammar."""
    tree = parse(document)
    if type(tree) is not dict or tree.get("py/object") not in CLASS_PATHS:
        raise NativeError("not-message")
    members = read_members(tree)
    for name in _FIELDS[:5]:
        if name not in members:
            raise NativeError("missing", name)
    if (
        type(members["func_name"]) is not str
        or len(members["func_name"]) > 512
        or type(members["func_args"]) not in (list, tuple)
        or type(members["func_kwargs"]) is not dict
        or type(members["message_id"]) is not UUID
        or type(members["date_create_message"]) is not datetime
    ):
        raise NativeError("field")
    return PRPCMessage(**{name: members[name] for name in _FIELDS if name in members})


def read_reply(document: bytes | str) -> PRPCMessage:
    """A reply: a message whose outcome is present."""
    message = read_message(document)
    _check_outcome(message)
    return message


def read_reply_to(request: PRPCMessage, sent: str, document: bytes) -> PRPCMessage:
    """`read_reply` for the reply to a request that was sent in this form.

    A reply mostly repeats its request's text, as section 5 of the protocol allows; then only the outcome is read.
    """
    head = sent[: sent.rindex('"result"')].encode()
    if not document.startswith(head) or b'"py/id"' in document[len(head) :]:
        return read_reply(document)
    tree = parse(b"{" + document[len(head) :])
    if type(tree) is not dict or tuple(tree) != _FIELDS[5:]:
        return read_reply(document)
    message = replace(request, **read_members(tree))
    _check_outcome(message)
    return message


def _check_outcome(message: PRPCMessage) -> None:
    if type(message.date_done_message) is not datetime or message.date_done_message.tzinfo is None:
        raise NativeError("field", "date_done_message")
    if message.exception_info is not None and type(message.exception_info) is not str:
        raise NativeError("field", "exception_info")
