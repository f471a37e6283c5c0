"""What librdkafka reports, in words of ours: what could not be done, where, and what to do next.

The errors are Python's own, so that a program can catch them without this module.
"""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError

from prpc.kafka_settings import CA, MECHANISM, PASSWORD, PROTOCOL, TOKEN_FILE, USERNAME

log = logging.getLogger("prpc.kafka")

SEND_TIMEOUT = 10.0
"""Seconds to connect, or until a call is stored."""
MISSING_PATIENCE = 2.0
"""Seconds until a topic is taken for missing: brokers learn of a new one one after the other."""
OUTAGE_LIMIT = 30.0
"""Seconds without any broker after which waiting calls are told."""

_MISSING = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_ID,
)
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
_MISTAKEN = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_AWAY = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT)
_UNFIT = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)


def patience(error: KafkaError) -> float:
    """Seconds for which it is worth while to ask again."""
    if error.code() in _MISSING:
        return MISSING_PATIENCE
    return 0.0 if _is_lasting(error) else SEND_TIMEOUT


def is_silence(error: KafkaError) -> bool:
    """Whether no broker has answered."""
    return error.code() in _AWAY


def about_topic(error: KafkaError, topic: str, queue: str, rights: str) -> Exception:
    """Why a topic of the queue cannot be used for what `rights` allow."""
    if error.code() in _MISSING:
        return LookupError(
            f"queue {queue!r} is not prepared: there is no topic {topic}. Start its server or apply its PrpcQueue"
        )
    if error.code() in _FORBIDDEN:
        return PermissionError(f"Kafka does not let this user use topic {topic}: allow it {rights} ({_words(error)})")
    if error.code() == KafkaError.TOPIC_EXCEPTION:
        return ValueError(
            f"queue {queue!r} cannot be on Kafka: {topic} is no name of a topic. Use letters, digits, '.', '_' and '-'"
        )
    return ConnectionError(f"topic {topic} cannot be used: {_words(error)}")


class Health:
    """What librdkafka says of its connections. Any thread may report."""

    def __init__(self, addresses: str) -> None:
        self.addresses = addresses
        self.down_since: float | None = None
        self.fatal = False
        """The producer will send nothing any more."""
        self.refused: Exception | None = None
        """Why reading is not possible until somebody changes something."""
        self._last: KafkaError | None = None

    def report(self, error: KafkaError) -> None:
        """An error of no call in particular."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            if self.down_since is None:
                self.down_since = time.monotonic()
                log.warning(
                    "Kafka at %s is out of reach, trying again: %s", self.addresses, self.reason or "no connection"
                )
        elif error.fatal():
            self.fatal = True
        elif self._last is None or self._last.code() not in _MISTAKEN:
            self._last = error

    def recovered(self) -> None:
        """A broker has answered."""
        if self.down_since is not None:
            log.warning("Kafka at %s is back after %.1f s", self.addresses, time.monotonic() - self.down_since)
        self.down_since = self._last = None

    def login_error(self) -> Exception | None:
        """Why a broker refuses this client, if one did."""
        if self._last is None or self._last.code() not in _MISTAKEN:
            return None
        if self._last.code() == KafkaError._SSL:
            return ConnectionError(f"no TLS with Kafka at {self.addresses}: {_words(self._last)}. Check {CA}")
        names = f"{USERNAME} and {PASSWORD}, or {TOKEN_FILE}, and {MECHANISM}"
        return PermissionError(f"Kafka at {self.addresses} refuses the login: {_words(self._last)}. Check {names}")

    def unreachable(self, seconds: float) -> Exception:
        """No broker answered for so long."""
        return self.login_error() or ConnectionError(
            f"Kafka at {self.addresses} did not answer for {seconds:g} s: {self.reason or 'no connection'}. "
            f"Check PRPC_URL_BROKER and {PROTOCOL}"
        )

    def check(self) -> None:
        """ConnectionError if no broker has been in reach for too long, PermissionError without the right to read."""
        if self.refused is not None:
            raise self.refused
        if self.down_since is not None and time.monotonic() - self.down_since > OUTAGE_LIMIT:
            raise self.unreachable(OUTAGE_LIMIT)

    @property
    def reason(self) -> str:
        """What the last connection failed for, if there is none now."""
        return "" if self._last is None else _words(self._last)


def about_sending(error: KafkaError, topic: str, queue: str, size: int, health: Health) -> Exception:
    """Why a call of so many bytes was not sent, or may not have been."""
    if error.code() in _UNFIT:
        return ValueError(
            f"the call has {size} bytes, more than topic {topic} takes: send less, or raise its max.message.bytes"
        )
    if error.code() == KafkaError.INVALID_TIMESTAMP:
        return ValueError(
            f"topic {topic} takes no call with the time of this machine's clock: set the clock, "
            "or raise the topic's message.timestamp.after.max.ms"
        )
    if error.code() in _MISSING or _is_lasting(error):
        return about_topic(error, topic, queue, "Describe and Write")
    reason = f" ({health.reason})" if health.reason else ""
    return ConnectionError(f"it is unknown whether the call was sent to topic {topic}: {_words(error)}{reason}")


def _is_lasting(error: KafkaError) -> bool:
    return error.code() in (*_FORBIDDEN, KafkaError.TOPIC_EXCEPTION)


def _words(error: KafkaError) -> str:
    return error.str()
