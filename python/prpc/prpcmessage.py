"""The message that a client sends and gets back.

Responsible for the fields and their types only; reading and writing is done by `prpc.native`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import UUID, uuid4


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class PRPCMessage:
    """One call: the request, and after `date_done_message` is set also its outcome."""

    func_name: str
    func_args: list[Any] | tuple[Any, ...] = field(default_factory=list)
    func_kwargs: dict[str, Any] = field(default_factory=dict)
    message_id: UUID = field(default_factory=uuid4)
    date_create_message: datetime = field(default_factory=_now)
    result: Any = None
    exception_info: str | None = None
    date_done_message: datetime | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.func_name, str):
            raise TypeError(f"func_name must be a string, not {type(self.func_name).__name__}")
        if not isinstance(self.func_args, (list, tuple)):
            raise TypeError(f"func_args must be a list or a tuple, not {type(self.func_args).__name__}")
        if not isinstance(self.func_kwargs, dict):
            raise TypeError(f"func_kwargs must be a dict, not {type(self.func_kwargs).__name__}")
        if not isinstance(self.message_id, UUID):
            raise TypeError(f"message_id must be a UUID, not {type(self.message_id).__name__}")

    def is_message_done(self) -> bool:
        """Whether the outcome has arrived."""
        return self.date_done_message is not None
