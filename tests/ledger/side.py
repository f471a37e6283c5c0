"""What the ledger needs of a broker, and the faults that strike at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from prpc.prpcmessage import PRPCMessage

if TYPE_CHECKING:
    from field import Field


@dataclass(frozen=True)
class Fault:
    """Something that happens to a queue; with `weight`, how often."""

    name: str
    weight: int
    strike: Callable[[Field], object]
    orderly: bool = False
    """It is no reason to start a call again."""


class Sender(Protocol):
    """The way in of one producer."""

    def send(self, function: str, number: int, seconds: float, accepted: Callable[[UUID], None]) -> None:
        """Sends a call, and tells its id once the broker has accepted it, at the latest in `finish`."""

    def finish(self) -> None:
        """Waits until each call is accepted or given up."""


class Side(Protocol):
    """A broker with one queue."""

    reach: float
    """Seconds in which a fault explains that a call is started again."""
    calls_per_second: float
    """Of each producer: what the workers can keep up with."""
    pause: tuple[float, float]
    """Seconds between faults, at least and at most."""
    settle_seconds: float
    """What the last calls may take after the last fault."""
    settings: Mapping[str, object]
    """Of the workers."""

    @property
    def variables(self) -> dict[str, str]:
        """What a worker's environment says about the queue."""

    def faults(self) -> list[Fault]:
        """Those that only this broker knows."""

    def sender(self) -> Sender:
        """A way in of its own."""

    def is_finished(self) -> bool:
        """Whether nothing is left in the queue."""

    def replies(self, calls: Sequence[UUID]) -> Mapping[UUID, Sequence[PRPCMessage]]:
        """Whatever was answered to each of them."""

    def dead(self) -> list[str]:
        """The dead letters."""

    def end(self) -> None:
        """Ends the broker."""
