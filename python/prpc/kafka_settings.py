"""How Kafka is reached, from the address and the environment: pure but for the files that are named there.

The variables are those that the runtime reads too. The result is what librdkafka calls its configuration.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROTOCOL = "PRPC_KAFKA_SECURITY_PROTOCOL"
MECHANISM = "PRPC_KAFKA_SASL_MECHANISM"
USERNAME = "PRPC_KAFKA_SASL_USERNAME"
PASSWORD = "PRPC_KAFKA_SASL_PASSWORD"
TOKEN_FILE = "PRPC_KAFKA_SASL_TOKEN_FILE"
CA = "PRPC_KAFKA_SSL_CA"
CERTIFICATE = "PRPC_KAFKA_SSL_CERTIFICATE"
KEY = "PRPC_KAFKA_SSL_KEY"
REPLY_PARTITIONS = "PRPC_KAFKA_REPLY_PARTITIONS"

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
BEARER = "OAUTHBEARER"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", BEARER)
PEM = {CA: "ssl.ca", CERTIFICATE: "ssl.certificate", KEY: "ssl.key"}
TOKEN_LIFETIME = 300.0
"""Seconds until a token is read again that does not say itself how long it is valid."""
TOKEN_RETRY = 10.0
"""The same for one that has expired."""

log = logging.getLogger("prpc.kafka")
_SERVER = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s\[\]:/@]+):\d{1,5}")


def connection(addresses: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where the brokers are and how to log in. ValueError for what cannot work; no text of it holds a secret."""
    servers = [server.strip() for server in addresses.split(",")]
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise ValueError("PRPC_URL_BROKER must be host:port[,host:port...] for Kafka, without user or password")
    given = {name: value for name, value in environment.items() if name.startswith("PRPC_KAFKA_") and value}
    protocol = _one_of(PROTOCOLS, PROTOCOL, given.get(PROTOCOL, PROTOCOLS[0]))
    config: dict[str, Any] = {"bootstrap.servers": ",".join(servers), "security.protocol": protocol}
    if protocol.startswith("SASL"):
        config.update(_login(given))
    else:
        _refuse(given, (MECHANISM, USERNAME, PASSWORD, TOKEN_FILE), f"{PROTOCOL}=SASL_SSL or SASL_PLAINTEXT")
    if protocol.endswith("SSL"):
        config.update(_tls(given))
    else:
        _refuse(given, tuple(PEM), f"{PROTOCOL}=SSL or SASL_SSL")
    return config


def reads_all_partitions(environment: Mapping[str, str]) -> bool:
    """Whether replies may be in any partition, because a server of the original may have answered."""
    wanted = environment.get(REPLY_PARTITIONS) or "all"
    return _one_of(("all", "own"), REPLY_PARTITIONS, wanted) == "all"


def _login(given: Mapping[str, str]) -> dict[str, Any]:
    if MECHANISM not in given:
        raise ValueError(f"{PROTOCOL} asks for a login: set {MECHANISM} to one of {', '.join(MECHANISMS)}")
    mechanism = _one_of(MECHANISMS, MECHANISM, given[MECHANISM])
    if mechanism == BEARER:
        if TOKEN_FILE not in given:
            raise ValueError(f"{MECHANISM}={BEARER} needs {TOKEN_FILE}, the path of a file with a token")
        return {"sasl.mechanism": mechanism, "oauth_cb": TokenFile(given[TOKEN_FILE])}
    for name in (USERNAME, PASSWORD):
        if name not in given:
            raise ValueError(f"{MECHANISM}={mechanism} needs {name}, which is not set")
    return {"sasl.mechanism": mechanism, "sasl.username": given[USERNAME], "sasl.password": given[PASSWORD]}


class TokenFile:
    """A file with a token that somebody replaces before it expires."""

    def __init__(self, path: str) -> None:
        """ValueError if there is no token in it."""
        self._path = Path(path)
        try:
            self._token = self._read()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{TOKEN_FILE}={path} cannot be read: {error}") from error

    def __call__(self, _: Any) -> tuple[str, float]:
        """The token as it is now, and the time (seconds of the epoch) until which it is valid."""
        try:
            self._token = self._read()
        except (OSError, UnicodeDecodeError) as error:
            log.warning("%s=%s cannot be read, the token from before is used: %s", TOKEN_FILE, self._path, error)
        now = time.time()
        # librdkafka takes no token that has expired, and Kafka's own words for it are better.
        return self._token, max(_expiry(self._token) or now + TOKEN_LIFETIME, now + TOKEN_RETRY)

    def _read(self) -> str:
        return self._path.read_text().strip()


def _expiry(token: str) -> float | None:
    """What a JSON Web Token says of itself; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (binascii.Error, ValueError, TypeError, LookupError):
        return None


def _tls(given: Mapping[str, str]) -> dict[str, Any]:
    if (CERTIFICATE in given) != (KEY in given):
        raise ValueError(f"{CERTIFICATE} and {KEY} belong together: set both or none")
    config = {}
    for name, option in PEM.items():
        value = given.get(name)
        if value is None:
            continue
        if "-----BEGIN" in value:
            config[f"{option}.pem"] = value
        elif Path(value).is_file():
            config[f"{option}.location"] = value
        else:
            # It may be a key that was pasted wrongly.
            raise ValueError(f"{name} is neither PEM text nor the path of a file that is there")
    return config


def _one_of(choices: tuple[str, ...], name: str, value: str) -> str:
    if value not in choices:
        raise ValueError(f"{name}={value}: it must be one of {', '.join(choices)}")
    return value


def _refuse(given: Mapping[str, str], names: tuple[str, ...], needs: str) -> None:
    for name in names:
        if name in given:
            raise ValueError(f"{name} is set and would not be used: it needs {needs}")
