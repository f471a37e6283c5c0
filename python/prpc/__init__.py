"""PRPC: call Python functions in other programs over Redis or Kafka.

What is named here is imported when it is first used, so that a server does not load the client and the other way round.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes milliseconds of every start
if TYPE_CHECKING:
    from typing import Any

    from prpc.app_client import AwaitableTask, ClientTimeOutError
    from prpc.app_server import AppServer
    from prpc.prpcmessage import PRPCMessage

__all__ = ["AppServer", "AwaitableTask", "ClientTimeOutError", "PRPCMessage"]

_HOMES = {
    "AppServer": "prpc.app_server",
    "AwaitableTask": "prpc.app_client",
    "ClientTimeOutError": "prpc.app_client",
    "PRPCMessage": "prpc.prpcmessage",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
