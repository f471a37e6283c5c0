from __future__ import annotations

import base64
import json
import logging
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from prpc.kafka_errors import Health, about_sending
from prpc.kafka_settings import TokenFile, connection, reads_all_partitions

PEM_TEXT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
LOGIN = {
    "PRPC_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "PRPC_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "PRPC_KAFKA_SASL_USERNAME": "caller",
    "PRPC_KAFKA_SASL_PASSWORD": "a secret",
}


@pytest.mark.parametrize(
    ("addresses", "servers"),
    [
        ("kafka:9092", "kafka:9092"),
        ("a.example.com:9092, b:1,10.0.0.1:2", "a.example.com:9092,b:1,10.0.0.1:2"),
        ("[::1]:9092", "[::1]:9092"),
    ],
)
def test_addresses_are_hosts_with_ports(addresses: str, servers: str) -> None:
    assert connection(addresses, {}) == {"bootstrap.servers": servers, "security.protocol": "PLAINTEXT"}


@pytest.mark.parametrize("addresses", ["kafka", "kafka:", "kafka://kafka:9092", "me:secret@kafka:9092", "a:1,,b:2", ""])
def test_other_addresses_are_refused_without_showing_them(addresses: str) -> None:
    with pytest.raises(ValueError, match=r"PRPC_URL_BROKER must be host:port") as caught:
        connection(addresses, {})
    assert "secret" not in str(caught.value)


def test_a_login_with_a_password_is_passed_on() -> None:
    config = connection("kafka:9092", LOGIN)
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl.username"], config["sasl.password"]) == ("caller", "a secret")


def test_certificates_are_texts_or_paths(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("key")
    tls = {
        "PRPC_KAFKA_SECURITY_PROTOCOL": "SSL",
        "PRPC_KAFKA_SSL_CA": PEM_TEXT,
        "PRPC_KAFKA_SSL_CERTIFICATE": PEM_TEXT,
        "PRPC_KAFKA_SSL_KEY": str(file),
    }
    config = connection("kafka:9092", tls)
    assert config["ssl.ca.pem"] == config["ssl.certificate.pem"] == PEM_TEXT
    assert config["ssl.key.location"] == str(file)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        (
            {"PRPC_KAFKA_SECURITY_PROTOCOL": "TLS"},
            r"PRPC_KAFKA_SECURITY_PROTOCOL=TLS: it must be one of PLAINTEXT, SSL",
        ),
        ({"PRPC_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, r"set PRPC_KAFKA_SASL_MECHANISM to one of PLAIN, SCRAM-SHA-256"),
        ({**LOGIN, "PRPC_KAFKA_SASL_MECHANISM": "GSSAPI"}, r"PRPC_KAFKA_SASL_MECHANISM=GSSAPI: it must be one of"),
        ({**LOGIN, "PRPC_KAFKA_SASL_PASSWORD": ""}, r"SCRAM-SHA-512 needs PRPC_KAFKA_SASL_PASSWORD, which is not set"),
        ({**LOGIN, "PRPC_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}, r"OAUTHBEARER needs PRPC_KAFKA_SASL_TOKEN_FILE"),
        ({**LOGIN, "PRPC_KAFKA_SECURITY_PROTOCOL": "SSL"}, r"PRPC_KAFKA_SASL_MECHANISM is set and would not be used"),
        (
            {"PRPC_KAFKA_SASL_USERNAME": "me"},
            r"PRPC_KAFKA_SASL_USERNAME is set and would not be used: it needs .*SASL_SSL",
        ),
        ({"PRPC_KAFKA_SSL_CA": PEM_TEXT}, r"PRPC_KAFKA_SSL_CA is set and would not be used: it needs .*=SSL"),
        (
            {**LOGIN, "PRPC_KAFKA_SSL_KEY": PEM_TEXT},
            r"PRPC_KAFKA_SSL_CERTIFICATE and PRPC_KAFKA_SSL_KEY belong together",
        ),
        ({**LOGIN, "PRPC_KAFKA_SSL_CA": "a secret key"}, r"PRPC_KAFKA_SSL_CA is neither PEM text nor the path"),
    ],
)
def test_settings_that_cannot_work_are_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        connection("kafka:9092", environment)
    assert "a secret" not in str(caught.value)


def test_all_partitions_are_read_unless_own_is_asked_for() -> None:
    assert reads_all_partitions({})
    assert reads_all_partitions({"PRPC_KAFKA_REPLY_PARTITIONS": "all"})
    assert not reads_all_partitions({"PRPC_KAFKA_REPLY_PARTITIONS": "own"})
    with pytest.raises(ValueError, match=r"PRPC_KAFKA_REPLY_PARTITIONS=mine: it must be one of all, own"):
        reads_all_partitions({"PRPC_KAFKA_REPLY_PARTITIONS": "mine"})


def token(expiry: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expiry}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def test_a_token_is_read_whenever_it_is_asked_for(tmp_path: Path) -> None:
    file, now = tmp_path / "token", time.time()
    file.write_text(f"{token(now + 1000)}\n")
    tokens = TokenFile(str(file))
    assert tokens("") == (token(now + 1000), now + 1000)
    file.write_text("plain")
    given, until = tokens("")
    assert given == "plain"
    assert 200 < until - now < 400


def test_a_token_that_has_expired_is_shown_to_kafka_and_read_again_soon(tmp_path: Path) -> None:
    file, now = tmp_path / "token", time.time()
    file.write_text(token(now - 1000))
    given, until = TokenFile(str(file))("")
    assert given == token(now - 1000)
    assert 0 < until - now < 30


def test_a_token_that_cannot_be_read_is_an_error_first_and_a_line_in_the_log_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    with pytest.raises(ValueError, match=r"PRPC_KAFKA_SASL_TOKEN_FILE=.*token cannot be read"):
        TokenFile(str(file))
    file.write_text("the token")
    tokens = TokenFile(str(file))
    file.unlink()
    with caplog.at_level(logging.WARNING):
        assert tokens("")[0] == "the token"
    assert "the token from before is used" in caplog.text


def test_a_call_from_a_machine_whose_clock_is_ahead_says_so() -> None:
    error = about_sending(KafkaError(KafkaError.INVALID_TIMESTAMP), "prpc_q", "q", 1, Health("kafka:9092"))
    assert isinstance(error, ValueError)
    assert "set the clock" in str(error)
