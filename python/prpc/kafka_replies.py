"""Whom a reply on the topic is for. The topic has the replies to all clients: a key, or the text of a reply, tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID
from weakref import WeakValueDictionary

from prpc.native import NativeError, read_reply
from prpc.waiting import Watch

# The message id of a reply that has no key, as servers of the original write it.
_MESSAGE_ID = re.compile(rb'"message_id": \{"py/object": "uuid\.UUID", "hex": "([0-9a-f]{32})"\}')


class OpenCalls:
    """Whom replies are for: a watch by the message id, as long as somebody holds it."""

    def __init__(self) -> None:
        self._watches: WeakValueDictionary[bytes, Watch] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, message_id: UUID, watch: Watch) -> None:
        """The reply to this call is awaited."""
        self._watches[str(message_id).encode()] = watch

    def remove(self, message_id: UUID) -> None:
        """Nobody awaits it any more."""
        self._watches.pop(str(message_id).encode(), None)

    def answered_by(self, key: bytes | None, document: bytes) -> Iterator[Watch]:
        """Those that a reply may be for: one by its key, or without a key by the message ids in it."""
        if key is not None:
            watch = self._watches.get(key)
            if watch is not None:
                yield watch
            return
        for digits in _MESSAGE_ID.findall(document):
            message_id = UUID(hex=digits.decode())
            watch = self._watches.get(str(message_id).encode())
            if watch is not None and _may_answer(document, message_id):
                yield watch


def _may_answer(document: bytes, message_id: UUID) -> bool:
    """Whether this is the reply to a call: what cannot be decoded is its caller's to judge."""
    try:
        return read_reply(document).message_id == message_id
    except NativeError:
        return True
