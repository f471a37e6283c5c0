"""The older name of `prpc.prpcmessage`."""

from prpc.prpcmessage import PRPCMessage

__all__ = ["PRPCMessage"]
