"""The native message form: jsonpickle documents, read and written without jsonpickle (protocol, sections 3 to 6, 9)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timezone
from uuid import UUID

from prpc.native.grammar import NativeError
from prpc.native.read import read_instant, read_members
from prpc.native.text import parse
from prpc.native.write import UTC_HEAD, UTC_TAIL, encode, text_of
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
_DONE_HEAD = f', "date_done_message": {UTC_HEAD}'.encode()
_DONE_TAIL = f"{UTC_TAIL}}}".encode()
_PAYLOAD = 16


def write_message(message: PRPCMessage, class_path: str = CLASS_PATHS[0]) -> str:
    """The document for a message, without references."""
    members = [f'"py/object": "{class_path}"']
    for name in _FIELDS:
        members.append(f'"{name}": {text_of(getattr(message, name))}')
    return f"{{{', '.join(members)}}}"


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
    outcome, done = _split_done(document[len(head) :])
    tree = parse(b"{" + outcome)
    if type(tree) is not dict or tuple(tree) != _FIELDS[5 : 7 if done else 8]:
        return read_reply(document)
    members = read_members(tree)
    if done:
        members["date_done_message"] = done
    message = replace(request, **members)
    _check_outcome(message)
    return message


def _split_done(outcome: bytes) -> tuple[bytes, datetime | None]:
    """Takes the time of completion from the end of a reply, where it mostly is, and mostly in UTC."""
    payload = len(outcome) - len(_DONE_TAIL) - _PAYLOAD
    if not (outcome.endswith(_DONE_TAIL) and outcome.endswith(_DONE_HEAD, 0, max(payload, 0))):
        return outcome, None
    done = read_instant(outcome[payload : payload + _PAYLOAD].decode(errors="replace"), timezone.utc)
    return outcome[: payload - len(_DONE_HEAD)] + b"}", done


def _check_outcome(message: PRPCMessage) -> None:
    if type(message.date_done_message) is not datetime or message.date_done_message.tzinfo is None:
        raise NativeError("field", "date_done_message")
    if message.exception_info is not None and type(message.exception_info) is not str:
        raise NativeError("field", "exception_info")
