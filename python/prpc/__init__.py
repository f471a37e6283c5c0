"""PRPC: call Python functions in other programs over Redis or Kafka.

Nothing is imported here beyond the message class, so that a worker host starts quickly.
"""

from prpc.prpcmessage import PRPCMessage

__all__ = ["PRPCMessage"]
