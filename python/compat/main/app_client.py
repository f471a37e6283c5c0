"""The older name of `prpc.app_client`."""

from prpc.app_client import AwaitableTask, ClientTimeOutError, get_function_server, ping

__all__ = ["AwaitableTask", "ClientTimeOutError", "get_function_server", "ping"]
