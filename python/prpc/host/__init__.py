"""The worker host: the Python side of the runtime's sockets (docs/host-protocol.md).

`python -m prpc.host` loads the program once and forks a host whenever the runtime asks for one. Nothing here knows a
broker.
"""
