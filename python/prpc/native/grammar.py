"""What both directions keep to: reserved names and limits, section 9 of the wire protocol."""

from __future__ import annotations

RESERVED = frozenset(
    {
        "py/bytes",
        "py/b64",
        "py/b85",
        "py/function",
        "py/id",
        "py/initargs",
        "py/iterator",
        "py/mod",
        "py/newargs",
        "py/newargsex",
        "py/newobj",
        "py/object",
        "py/property",
        "py/reduce",
        "py/ref",
        "py/repr",
        "py/seq",
        "py/set",
        "py/state",
        "py/tuple",
        "py/type",
        "py/default_factory",
    }
)
MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 512
MAX_NESTED_VALUES = 200
MAX_VALUES = 1_000_000


class NativeError(ValueError):
    """A document was refused. `reason` is the reason word of the protocol."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
