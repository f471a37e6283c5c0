"""A real Apache Kafka, one node, a child of the test run."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from server_process import ServerProcess, free_port

_PARTS = Path(__file__).parents[1] / "kafka"
_LISTENS = "Kafka Server started"
_START_SECONDS = 120


class KafkaServer:
    """Kafka on loopback ports. What it accepted survives `kill`.

    Topics are never made by being used. Properties are those of Kafka, with `_` for `.`, and win over what the
    tests' nodes have in common (tests/kafka/node.properties). `java` are options that win over tests/kafka/node.sh's.
    """

    def __init__(
        self,
        folder: Path,
        java: Sequence[str] = (),
        node: int = 1,
        controllers: Sequence[int] = (),
        **properties: object,
    ) -> None:
        """Of several nodes this is the `node`th; `controllers` are the ports on which they elect one."""
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._folder, self._java = folder, java
        self._process: ServerProcess | None = None
        brokers, controllers = free_port(), controllers or [free_port()]
        listeners = f"CLIENTS://{self.bootstrap},INTERNAL://127.0.0.1:{brokers}"
        own = {
            "node.id": node,
            "controller.quorum.voters": ",".join(f"{at}@127.0.0.1:{port}" for at, port in enumerate(controllers, 1)),
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controllers[node - 1]}",
            "advertised.listeners": listeners,
            "log.dirs": folder / "data",
            **{name.replace("_", "."): value for name, value in properties.items()},
        }
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        (folder / "server.properties").write_text((_PARTS / "node.properties").read_text() + lines)

    @property
    def ports(self) -> list[int]:
        """Those that clients connect to."""
        return [self.port]

    @property
    def pid(self) -> int:
        """The running one's."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> KafkaServer:
        """Starts it, or starts it again on the same port, and returns when it listens."""
        command = ["sh", str(_PARTS / "node.sh"), str(self._folder), *self._java]
        self._process = ServerProcess(command, self._folder, _LISTENS, _START_SECONDS)
        return self

    def restart(self) -> KafkaServer:
        """Ends it in order and starts it again."""
        self.stop()
        return self.start()

    def stop(self) -> None:
        """Ends it in order."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def stand_still(self, seconds: float) -> None:
        """Lets it do nothing for a while; its connections stay."""
        assert self._process is not None
        self._process.signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.signal(signal.SIGCONT)

    def fail(self, seconds: float) -> None:
        """Ends it as a power failure does, and starts it again so much later."""
        self.kill()
        time.sleep(seconds)
        self.start()

    def kill(self) -> None:
        """Ends it as a power failure does."""
        if self._process is not None:
            self._process.kill()
            self._process = None
