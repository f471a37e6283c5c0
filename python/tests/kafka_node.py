"""A real Kafka, a child of the test run: one node with its data in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from server_process import ServerProcess, free_port

RECIPE = Path(__file__).resolve().parents[2] / "tests/kafka"
USER, PASSWORD = "caller", "the-right-one"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
LISTENERS = ("CLIENTS", "INTERNAL", "LOGIN", "TOKEN", "TLS", "CONTROLLER")
PROPERTIES = f"""
node.id=1
controller.quorum.voters=1@127.0.0.1:{{CONTROLLER}}
listeners={{listeners}}
listener.security.protocol.map=CLIENTS:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,\\
LOGIN:SASL_PLAINTEXT,TOKEN:SASL_PLAINTEXT,TLS:SSL
listener.name.login.sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config={PLAIN} required user_{USER}="{PASSWORD}";
listener.name.token.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.token.oauthbearer.sasl.jaas.config={BEARER} required unsecuredLoginStringClaim_sub="broker";
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.location={{folder}}/tls.p12
listener.name.tls.ssl.keystore.password={PASSWORD}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
log.dirs={{folder}}/data
# After a crash the node waits for the end of its old session.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
"""


class KafkaNode:
    """One node. `address` asks for nothing, the other addresses for a login, for a token, and for TLS."""

    def __init__(self, folder: Path) -> None:
        ports = {name: free_port() for name in LISTENERS}
        addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.address, self.login_address = addresses["CLIENTS"], addresses["LOGIN"]
        self.token_address, self.tls_address = addresses["TOKEN"], addresses["TLS"]
        self._folder = folder
        self.certificate = make_certificate(folder / "tls.p12")
        """What a client must trust, as PEM text."""
        listeners = ",".join(f"{name}://{address}" for name, address in addresses.items())
        own = PROPERTIES.format(folder=folder, listeners=listeners, **ports)
        (folder / "server.properties").write_text((RECIPE / "node.properties").read_text() + own)

    def start(self) -> None:
        command = ["sh", str(RECIPE / "node.sh"), str(self._folder)]
        self._process = ServerProcess(command, self._folder, "Kafka Server started", 120)
        self.admin = AdminClient({"bootstrap.servers": self.address, "reconnect.backoff.max.ms": 200, "log_level": 2})

    def kill(self) -> None:
        self._process.kill()

    def freeze(self) -> None:
        self._process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.signal(signal.SIGCONT)

    def prepare(self, queue: str, partitions: int = 4) -> None:
        """Make the topics of a queue, as its server does."""
        for future in self.admin.create_topics([NewTopic(name, partitions, 1) for name in topics(queue)]).values():
            future.result(30)
        # The controller has them; the broker learns of them a little later.
        deadline = time.monotonic() + 120
        while not set(topics(queue)) <= set(self.admin.list_topics(timeout=60).topics):
            assert time.monotonic() < deadline

    def remove(self, queue: str) -> None:
        """Remove the topics of a queue."""
        for future in self.admin.delete_topics(list(topics(queue))).values():
            future.result(30)

    def grow(self, topic: str, partitions: int) -> None:
        """Raise the number of partitions."""
        for future in self.admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(30)

    def allow_only(self, topic: str, *operations: AclOperation) -> None:
        """Let the user do this with the topic, and nothing else."""
        self._rule(ResourceType.TOPIC, topic, AclPermissionType.ALLOW, *operations)

    def forbid_groups(self) -> None:
        """Let the user do nothing with any group."""
        self._rule(ResourceType.GROUP, "*", AclPermissionType.DENY, AclOperation.ALL)

    def _rule(self, kind: ResourceType, name: str, permission: AclPermissionType, *operations: AclOperation) -> None:
        who = (kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*")
        rules = [AclBinding(*who, operation, permission) for operation in operations]
        for future in self.admin.create_acls(rules).values():
            future.result(30)
        asked = AclBindingFilter(*who, AclOperation.ANY, permission)
        deadline = time.monotonic() + 120
        while len(self.admin.describe_acls(asked).result(30)) < len(rules):
            assert time.monotonic() < deadline


def topics(queue: str) -> tuple[str, str]:
    return f"prpc_{queue}", f"prpc_feedback_{queue}"


def make_certificate(keystore: Path) -> str:
    store = ["-keystore", str(keystore), "-storetype", "PKCS12", "-storepass", PASSWORD, "-alias", "kafka"]
    made = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=kafka", "-ext", "san=ip:127.0.0.1", "-validity", "2"]
    subprocess.run([program("keytool"), *made, *store], check=True, capture_output=True, timeout=180)
    command = [program("keytool"), "-exportcert", "-rfc", *store]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is needed on PATH (Debian: apt-get install openjdk-17-jre-headless)"
    return path
