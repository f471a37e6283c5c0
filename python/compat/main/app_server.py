"""The older name of `prpc.app_server`."""

from prpc.app_server import AppServer

__all__ = ["AppServer"]
