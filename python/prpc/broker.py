"""The seam between tasks and brokers: what a task needs of a broker, and which broker that is.

Brokers are imported when they are used, so that nobody needs the library of another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib import import_module
from typing import NamedTuple, Protocol, cast
from uuid import UUID

from prpc.waiting import Limit


class Home(NamedTuple):
    """Where a broker is, and what it needs."""

    module: str
    name: str
    library: str
    package: str


HOMES = {
    "redis": Home("prpc.redis_broker", "RedisBroker", "redis", "redis-py"),
    "kafka": Home("prpc.kafka_broker", "KafkaBroker", "confluent_kafka", "confluent-kafka"),
}


class Call(Protocol):
    """A call that was sent, and its reply once that has come."""

    reply: bytes | None
    """The reply as it was received; it stays after `done`, but may be empty then."""

    def sync_wait(self, limit: Limit) -> None:
        """Block until the reply is there. LimitPassed at the limit, an error if the broker stays out of reach."""

    async def async_wait(self, limit: Limit) -> None:
        """Like `sync_wait`, without blocking the event loop."""

    def look(self) -> None:
        """Find out whether the reply is there now."""

    def done(self) -> None:
        """The reply was read, and nobody needs it any more."""


class Broker(Protocol):
    """A queue on a broker. Threads share it; connections are made when they are needed."""

    def __init__(self, url: str, queue: str) -> None: ...

    def send(self, message_id: UUID, document: str) -> Call:
        """Send a call. When this returns the broker has it; otherwise the error says what is known."""

    def at_exit(self) -> None:
        """The program ends."""

    def forked(self) -> None:
        """This is a forked child: leave the parent's connections alone and make others."""


@dataclass(frozen=True)
class Settings:
    """Which queue a program calls."""

    type_broker: str
    url_broker: str = field(repr=False)
    """It may hold a password."""
    queue_name: str

    @classmethod
    def from_environment(cls) -> Settings:
        """AssertionError if something is missing, ValueError if there is no such broker."""
        names = ("PRPC_TYPE_BROKER", "PRPC_URL_BROKER", "PRPC_QUEUE_NAME")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise AssertionError(f"the client needs environment variables that are not set: {', '.join(missing)}")
        type_broker, url, queue = (os.environ[name] for name in names)
        if type_broker not in HOMES:
            known = " or ".join(HOMES)
            raise ValueError(f"PRPC_TYPE_BROKER={type_broker}: there is no such broker, set it to {known}")
        return cls(type_broker, url, queue)

    def broker(self) -> Broker:
        """The broker. ImportError if its library is missing; the text says how to install it."""
        chosen = HOMES[self.type_broker]
        try:
            module = import_module(chosen.module)
        except ImportError as error:
            if (error.name or "").partition(".")[0] != chosen.library:
                raise
            raise ImportError(
                f"a PRPC client over {self.type_broker.capitalize()} needs {chosen.package}, which is not installed: "
                f"run pip install 'prpc[{self.type_broker}]'"
            ) from error
        kind = cast(type[Broker], getattr(module, chosen.name))
        return kind(self.url_broker, self.queue_name)
