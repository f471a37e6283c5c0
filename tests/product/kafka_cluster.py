"""Three nodes of Apache Kafka that hold three copies of everything: what two of them have accepted survives one."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kafka_server import KafkaServer
from server_process import free_port

NODES = 3
COPIES: dict[str, Any] = {
    "default_replication_factor": NODES,
    "min_insync_replicas": NODES - 1,
    "offsets_topic_replication_factor": NODES,
    "transaction_state_log_replication_factor": NODES,
    "transaction_state_log_min_isr": NODES - 1,
}


class KafkaCluster:
    """What befalls it befalls one of its nodes, another one each time."""

    def __init__(self, folder: Path) -> None:
        controllers = [free_port() for _ in range(NODES)]
        self._nodes = []
        for node in range(1, NODES + 1):
            place = folder / f"node{node}"
            place.mkdir()
            self._nodes.append(KafkaServer(place, node=node, controllers=controllers, **COPIES))
        self.bootstrap = ",".join(node.bootstrap for node in self._nodes)
        self.ports = [node.port for node in self._nodes]
        self._turn = itertools.cycle(self._nodes)

    def start(self) -> KafkaCluster:
        """Starts all; none is there before a second one is."""
        with ThreadPoolExecutor(NODES) as together:
            list(together.map(KafkaServer.start, self._nodes))
        return self

    def fail(self, seconds: float) -> None:
        """Ends one as a power failure does, and starts it again so much later."""
        next(self._turn).fail(seconds)

    def stand_still(self, seconds: float) -> None:
        """Lets one do nothing for a while; its connections stay."""
        next(self._turn).stand_still(seconds)

    def kill(self) -> None:
        """Ends all of them."""
        for node in self._nodes:
            node.kill()
