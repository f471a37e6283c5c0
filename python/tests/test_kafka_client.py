from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import AclOperation

from kafka_node import PASSWORD, USER, KafkaNode, topics
from kafka_stand_in import KafkaStandIn, headers_of
from prpc import app_client, kafka_broker, kafka_errors, kafka_link, kafka_reader
from prpc.app_client import AwaitableTask, ClientTimeOutError
from prpc.kafka_broker import KafkaBroker
from prpc.kafka_link import KafkaLink
from prpc.native import NativeError
from test_app_client import LONG, WAITS, Wait, eventually

PACKAGE = Path(__file__).resolve().parents[1]


def use(address: str, queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRPC_TYPE_BROKER", "kafka")
    monkeypatch.setenv("PRPC_URL_BROKER", address)
    monkeypatch.setenv("PRPC_QUEUE_NAME", queue)
    monkeypatch.setattr(app_client, "_process", app_client._Process())


def broker() -> KafkaBroker:
    used = app_client._process.broker()
    assert isinstance(used, KafkaBroker)
    return used


def link() -> KafkaLink:
    return broker().link()


@pytest.fixture
def queue(kafka: KafkaNode, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A queue that is prepared, and used by the client."""
    name = f"q{uuid4().hex[:12]}"
    kafka.prepare(name)
    use(kafka.address, name, monkeypatch)
    yield name
    app_client._process.at_exit()


@pytest.fixture
def server(kafka: KafkaNode, queue: str) -> Iterator[KafkaStandIn]:
    """A server like ours."""
    stand_in = KafkaStandIn(kafka.address, queue)
    yield stand_in
    stand_in.close()


@pytest.fixture
def original(kafka: KafkaNode, queue: str) -> Iterator[KafkaStandIn]:
    """A server like the original's."""
    stand_in = KafkaStandIn(kafka.address, queue, is_original=True)
    yield stand_in
    stand_in.close()


@pytest.fixture(params=["server", "original"], ids=["a server of ours", "a server of the original"])
def either(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def sync_wait(task: AwaitableTask, timeout: float | None) -> Any:
    return task.sync_wait_result_task(timeout)


def async_wait(task: AwaitableTask, timeout: float | None) -> Any:
    return asyncio.run(task.async_wait_result_task(timeout))


def in_process(program: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PACKAGE,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("wait", WAITS)
def test_a_call_is_answered_and_may_be_waited_for_again(either: KafkaStandIn, wait: Wait) -> None:
    task = AwaitableTask("f", (1, "ж"), {"z": {1, 2}})
    assert task.time_execution is None
    for _ in range(2):
        assert wait(task, LONG) == [(1, "ж"), {"z": {1, 2}}]
    assert task.is_done_task()
    assert task.time_execution is not None


def test_a_finished_call_is_seen_without_waiting(either: KafkaStandIn) -> None:
    task = AwaitableTask("held", (1,), {})
    assert not task.is_done_task(update_status=True)
    eventually(lambda: either.held)
    either.release()
    eventually(lambda: task.is_done_task(update_status=True))
    assert task.get_result() == [(1,), {}]


def test_none_is_a_result(either: KafkaStandIn) -> None:
    assert AwaitableTask("nothing", (), {}).sync_wait_result_task(LONG) is None


def test_the_systems_own_functions_are_called(either: KafkaStandIn) -> None:
    assert app_client.ping().sync_wait_result_task(LONG) == [(), {}]
    assert app_client.get_function_server().sync_wait_result_task(LONG)[0]["func_name"] == "ping"


@pytest.mark.parametrize("wait", WAITS)
def test_an_error_reply_raises_its_text_every_time(either: KafkaStandIn, wait: Wait) -> None:
    task = AwaitableTask("fail", (), {})
    for _ in range(2):
        with pytest.raises(Exception, match=r"^boom$") as caught:
            wait(task, LONG)
        assert caught.type is Exception


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize(
    ("timeout", "text"), [(0.1, "0.1"), (timedelta(seconds=0.25), "0.25"), (1, "1.0")], ids=["float", "delta", "int"]
)
def test_waiting_ends_at_its_limit_and_may_go_on(server: KafkaStandIn, wait: Wait, timeout: Any, text: str) -> None:
    task = AwaitableTask("held", (), {})
    with pytest.raises(ClientTimeOutError) as caught:
        wait(task, timeout)
    assert str(caught.value) == f"the task was completed by wait timeout {text} secs."
    with pytest.raises(Exception, match="task in process"):
        task.get_result()
    eventually(lambda: server.held)
    server.release()
    assert wait(task, LONG) == [(), {}]


def test_a_large_call_and_its_reply_go_through(kafka: KafkaNode, queue: str, server: KafkaStandIn) -> None:
    text = "x" * 400_000
    assert AwaitableTask("f", (text,), {}).sync_wait_result_task(LONG) == [(text,), {}]


def test_a_request_says_where_its_reply_is_awaited(queue: str, server: KafkaStandIn) -> None:
    task = AwaitableTask("f", (), {})
    task.sync_wait_result_task(LONG)
    headers = headers_of(server.records[0])
    assert server.records[0].key() is None
    assert headers["prpc-reply-topic"] == f"prpc_feedback_{queue}".encode()
    assert headers["prpc-reply-partition"] in [number.to_bytes(4, "big") for number in range(4)]
    assert headers["prpc-correlation-id"] == str(task.message.message_id).encode()


def test_calls_spread_over_the_partitions_so_that_all_workers_get_some(server: KafkaStandIn) -> None:
    for task in [AwaitableTask("f", (n,), {}) for n in range(60)]:
        task.sync_wait_result_task(LONG)
    assert {record.partition() for record in server.records} == {0, 1, 2, 3}


@pytest.mark.parametrize("minutes", [-3000, 50])
def test_clocks_that_differ_hide_no_reply(either: KafkaStandIn, minutes: int) -> None:
    # Kafka itself takes nothing from a server whose clock is ahead by more than an hour.
    either.clock = timedelta(minutes=minutes)
    task = AwaitableTask("f", (1,), {})
    assert task.sync_wait_result_task(LONG) == [(1,), {}]
    assert task.time_execution is not None
    assert abs(task.time_execution - either.clock) < timedelta(minutes=1)


# --------------------------------------------------------------------------------------------------- many at a time


def test_hundreds_of_coroutines_share_one_link(server: KafkaStandIn) -> None:
    async def run() -> list[Any]:
        tasks = [AwaitableTask("held", (n,), {}) for n in range(200)]
        waits = [asyncio.ensure_future(task.async_wait_result_task(LONG)) for task in tasks]
        await asyncio.to_thread(eventually, lambda: len(server.held) == 200)
        assert len([each for each in threading.enumerate() if each.name == "prpc-kafka"]) == 1
        await asyncio.to_thread(server.release)
        return await asyncio.gather(*waits)

    assert asyncio.run(run()) == [[(n,), {}] for n in range(200)]
    assert not broker().open_calls


def test_threads_and_coroutines_call_at_the_same_time(either: KafkaStandIn) -> None:
    def call(number: int) -> Any:
        return AwaitableTask("f", (number,), {}).sync_wait_result_task(LONG)

    async def calls(numbers: range) -> list[Any]:
        tasks = [AwaitableTask("f", (number,), {}) for number in numbers]
        return await asyncio.gather(*(task.async_wait_result_task(LONG) for task in tasks))

    with ThreadPoolExecutor(9) as pool:
        mixed = pool.submit(asyncio.run, calls(range(1000, 1100)))
        assert list(pool.map(call, range(200))) == [[(n,), {}] for n in range(200)]
        assert mixed.result() == [[(n,), {}] for n in range(1000, 1100)]


def test_threads_wait_for_the_same_task(server: KafkaStandIn) -> None:
    for _ in range(5):
        task = AwaitableTask("held", (), {})
        with ThreadPoolExecutor(4) as pool:
            waits = [pool.submit(task.sync_wait_result_task, 20) for _ in range(4)]
            eventually(lambda: server.held)
            server.release()
            assert [wait.result() for wait in waits] == [[(), {}]] * 4


def test_programs_that_call_at_the_same_time_get_their_own_answers(either: KafkaStandIn) -> None:
    program = (
        "from prpc.app_client import AwaitableTask\n"
        "import sys\n"
        "tasks = [AwaitableTask('f', (sys.argv[0], n), {}) for n in range(50)]\n"
        "print(all(t.sync_wait_result_task(120) == [(sys.argv[0], n), {}] for n, t in enumerate(tasks)))\n"
    )
    programs = [in_process(f"import sys; sys.argv = [{name!r}]\n{program}") for name in ("first", "second")]
    for each in programs:
        printed, errors = each.communicate(timeout=180)
        assert (each.returncode, printed) == (0, "True\n"), errors


# ------------------------------------------------------------------------------------------- what the topic holds


def test_rubbish_on_the_topic_does_not_disturb_others(either: KafkaStandIn) -> None:
    waiting = AwaitableTask("held", (1,), {})
    assert AwaitableTask("after_rubbish", (2,), {}).sync_wait_result_task(LONG) == [(2,), {}]
    eventually(lambda: either.held)
    either.release()
    assert waiting.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_reply_outside_the_grammar_is_refused_every_time(either: KafkaStandIn) -> None:
    waiting = AwaitableTask("held", (1,), {})
    task = AwaitableTask("undecodable", (), {})
    for _ in range(2):
        with pytest.raises(NativeError, match=r"app\.Point"):
            task.sync_wait_result_task(LONG)
    eventually(lambda: either.held)
    either.release()
    assert waiting.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_message_id_in_somebody_elses_reply_is_not_taken_for_the_answer(original: KafkaStandIn) -> None:
    task = AwaitableTask("held", (1,), {})
    eventually(lambda: original.held)
    other = AwaitableTask("f", ({"message_id": task.message.message_id},), {})
    other.sync_wait_result_task(LONG)
    assert not task.is_done_task(update_status=True)
    original.release()
    assert task.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_client_may_read_its_own_partition_only(server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRPC_KAFKA_REPLY_PARTITIONS", "own")
    assert AwaitableTask("f", (1,), {}).sync_wait_result_task(LONG) == [(1,), {}]
    asked = headers_of(server.records[0])["prpc-reply-partition"]
    assert [number.to_bytes(4, "big") for number in link().replies._next] == [asked]


def test_partitions_that_are_added_while_a_call_is_open_are_read(
    kafka: KafkaNode, queue: str, original: KafkaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_reader, "LOOK_INTERVAL", 0.1)
    task = AwaitableTask("held", (1,), {})
    eventually(lambda: original.held)
    kafka.grow(topics(queue)[1], 6)
    original.partition = 5
    original.release()
    assert task.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_queue_that_was_removed_and_prepared_again_is_served_on(kafka: KafkaNode, queue: str) -> None:
    for number in range(3):
        stand_in = KafkaStandIn(kafka.address, queue)
        eventually(partial(answers, number))
        stand_in.close()
        kafka.remove(queue)
        eventually(lambda: not set(topics(queue)) & set(kafka.admin.list_topics(timeout=60).topics))
        kafka.prepare(queue)


def answers(number: int) -> bool:
    # The first calls may meet what librdkafka still knows of the topics that are gone.
    try:
        return bool(AwaitableTask("f", (number,), {}).sync_wait_result_task(1) == [(number,), {}])
    except (ClientTimeOutError, LookupError, ConnectionError):
        return False


def test_replies_are_not_read_while_no_call_is_open(server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reader, "LOOK_INTERVAL", 0.05)
    monkeypatch.setattr(kafka_reader, "IDLE_LIMIT", 0.2)
    waiting = AwaitableTask("held", (1,), {})
    with pytest.raises(ClientTimeOutError):
        waiting.sync_wait_result_task(0.5)
    assert link().replies._next
    eventually(lambda: server.held)
    server.release()
    assert waiting.sync_wait_result_task(LONG) == [(1,), {}]
    for number in range(3):
        eventually(lambda: not link().replies._next)
        assert AwaitableTask("f", (number,), {}).sync_wait_result_task(LONG) == [(number,), {}]


# ----------------------------------------------------------------------------------------------------------- faults


def test_waiting_survives_a_restart_of_kafka(kafka: KafkaNode, either: KafkaStandIn) -> None:
    tasks = [AwaitableTask("held", (n,), {}) for n in range(2)]
    eventually(lambda: len(either.held) == 2)
    with ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(wait, task, 60) for wait, task in zip((sync_wait, async_wait), tasks, strict=True)]
        kafka.kill()
        kafka.start()
        either.release()
        assert [wait.result() for wait in waits] == [[(n,), {}] for n in range(2)]
    assert AwaitableTask("f", (2,), {}).sync_wait_result_task(60) == [(2,), {}]


@pytest.mark.parametrize("wait", WAITS)
def test_the_limit_holds_when_kafka_does_not_answer(kafka: KafkaNode, server: KafkaStandIn, wait: Wait) -> None:
    task = AwaitableTask("held", (), {})
    eventually(lambda: server.held)
    kafka.freeze()
    start = time.monotonic()
    try:
        with pytest.raises(ClientTimeOutError):
            wait(task, 0.1)
        assert time.monotonic() - start < 15
    finally:
        kafka.thaw()
    server.release()
    assert wait(task, 60) == [(), {}]


def test_an_outage_is_told_to_callers_who_may_wait_again(
    kafka: KafkaNode, server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_broker, "CHECK_INTERVAL", 0.2)
    monkeypatch.setitem(kafka_link.PRODUCER, "message.timeout.ms", 3000)
    task = AwaitableTask("held", (1,), {})
    eventually(lambda: server.held)
    kafka.kill()
    try:
        monkeypatch.setattr(kafka_errors, "OUTAGE_LIMIT", 0.5)
        for wait in (sync_wait, async_wait):
            with pytest.raises(ConnectionError, match=rf"{kafka.address} did not answer for 0\.5 s: .*PRPC_URL_BROKER"):
                wait(task, None)
        with pytest.raises(ConnectionError, match="it is unknown whether the call was sent to topic prpc_q"):
            AwaitableTask("f", (), {})
    finally:
        kafka.start()
    monkeypatch.setattr(kafka_errors, "OUTAGE_LIMIT", 30.0)
    server.release()
    assert task.sync_wait_result_task(60) == [(1,), {}]


def test_a_producer_that_failed_for_good_is_replaced(server: KafkaStandIn) -> None:
    waiting = AwaitableTask("held", (1,), {})
    first = link()
    first.health.fatal = True
    assert AwaitableTask("f", (2,), {}).sync_wait_result_task(LONG) == [(2,), {}]
    assert link() is not first
    eventually(lambda: server.held)
    server.release()
    assert waiting.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_kafka_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    use("127.0.0.1:1", "q", monkeypatch)
    for module in (kafka_errors, kafka_reader):
        monkeypatch.setattr(module, "SEND_TIMEOUT", 0.5)
    with pytest.raises(
        ConnectionError, match=r"Kafka at 127\.0\.0\.1:1 did not answer for 0\.5 s: .*refused.*PRPC_URL_BROKER"
    ):
        AwaitableTask("f", (), {})


def test_a_queue_that_is_not_prepared_is_named_with_the_next_step(
    kafka: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(kafka.address, "nobody", monkeypatch)
    with pytest.raises(
        LookupError, match=r"queue 'nobody' is not prepared: .*prpc_nobody.* Start its server or apply its"
    ):
        AwaitableTask("f", (), {})
    use(kafka.address, "no topic", monkeypatch)
    with pytest.raises(ValueError, match="queue 'no topic' cannot be on Kafka"):
        AwaitableTask("f", (), {})
    assert not [name for name in kafka.admin.list_topics(timeout=60).topics if "nobody" in name]


def test_a_call_that_is_too_large_is_refused_with_the_next_step(server: KafkaStandIn) -> None:
    with pytest.raises(ValueError, match=r"the call has 2000\d\d\d bytes, more than topic prpc_q.*max\.message\.bytes"):
        AwaitableTask("f", ("x" * 2_000_000,), {})
    assert AwaitableTask("f", (), {}).sync_wait_result_task(LONG) == [(), {}]


# --------------------------------------------------------------------------------------------------------- security


def log_in(kafka: KafkaNode, queue: str, monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD) -> None:
    use(kafka.login_address, queue, monkeypatch)
    monkeypatch.setenv("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("PRPC_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("PRPC_KAFKA_SASL_USERNAME", USER)
    monkeypatch.setenv("PRPC_KAFKA_SASL_PASSWORD", password)


def test_a_client_logs_in(kafka: KafkaNode, queue: str, server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(kafka, queue, monkeypatch)
    assert AwaitableTask("f", (), {}).sync_wait_result_task(LONG) == [(), {}]


def test_a_wrong_password_is_told_at_once_and_not_shown(
    kafka: KafkaNode, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(kafka, queue, monkeypatch, "not the password")
    start = time.monotonic()
    with pytest.raises(PermissionError, match=r"refuses the login: .*PRPC_KAFKA_SASL_PASSWORD") as caught:
        AwaitableTask("f", (), {})
    assert time.monotonic() - start < 15
    assert "not the password" not in repr(caught.value)


def token(seconds: float) -> str:
    def part(members: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")

    now = time.time()
    return f"{part({'alg': 'none'})}.{part({'sub': 'caller', 'iat': now - 100, 'exp': now + seconds})}."


def test_a_client_logs_in_with_a_token_from_a_file(
    kafka: KafkaNode, queue: str, server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(kafka.token_address, queue, monkeypatch)
    monkeypatch.setenv("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("PRPC_KAFKA_SASL_MECHANISM", "OAUTHBEARER")
    monkeypatch.setenv("PRPC_KAFKA_SASL_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text(token(3600) + "\n")
    assert AwaitableTask("f", (), {}).sync_wait_result_task(LONG) == [(), {}]


def test_a_token_that_has_expired_is_told(
    kafka: KafkaNode, queue: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(kafka.token_address, queue, monkeypatch)
    monkeypatch.setenv("PRPC_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("PRPC_KAFKA_SASL_MECHANISM", "OAUTHBEARER")
    monkeypatch.setenv("PRPC_KAFKA_SASL_TOKEN_FILE", str(tmp_path / "token"))
    (tmp_path / "token").write_text(token(-50))
    with pytest.raises(PermissionError, match=r"invalid_token.*PRPC_KAFKA_SASL_TOKEN_FILE"):
        AwaitableTask("f", (), {})


@pytest.mark.parametrize("form", ["text", "path"])
def test_a_client_trusts_the_certificate_that_it_is_given(
    kafka: KafkaNode, queue: str, server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    use(kafka.tls_address, queue, monkeypatch)
    monkeypatch.setenv("PRPC_KAFKA_SECURITY_PROTOCOL", "SSL")
    (tmp_path / "ca.pem").write_text(kafka.certificate)
    monkeypatch.setenv("PRPC_KAFKA_SSL_CA", kafka.certificate if form == "text" else str(tmp_path / "ca.pem"))
    assert AwaitableTask("f", (), {}).sync_wait_result_task(LONG) == [(), {}]


def test_a_certificate_that_is_not_trusted_is_told(
    kafka: KafkaNode, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(kafka.tls_address, queue, monkeypatch)
    monkeypatch.setenv("PRPC_KAFKA_SECURITY_PROTOCOL", "SSL")
    with pytest.raises(ConnectionError, match=r"no TLS with Kafka at .*PRPC_KAFKA_SSL_CA"):
        AwaitableTask("f", (), {})


@pytest.mark.parametrize(
    ("number", "operations"),
    [
        (0, [AclOperation.DESCRIBE]),
        (0, [AclOperation.ALTER_CONFIGS]),
        (1, [AclOperation.ALTER_CONFIGS]),
    ],
    ids=["calls may not be written", "calls may not be described", "replies may not be described"],
)
def test_a_missing_right_is_named_before_anything_is_sent(
    kafka: KafkaNode, queue: str, monkeypatch: pytest.MonkeyPatch, number: int, operations: list[AclOperation]
) -> None:
    log_in(kafka, queue, monkeypatch)
    kafka.allow_only(topics(queue)[number], *operations)
    with pytest.raises(PermissionError, match=f"topic {topics(queue)[number]}: allow it Describe and "):
        AwaitableTask("f", (), {})


def test_who_waits_is_told_that_replies_may_not_be_read(
    kafka: KafkaNode, queue: str, server: KafkaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_broker, "CHECK_INTERVAL", 0.2)
    log_in(kafka, queue, monkeypatch)
    kafka.allow_only(topics(queue)[1], AclOperation.DESCRIBE)
    with pytest.raises(PermissionError, match=f"topic {topics(queue)[1]}: allow it Describe and Read"):
        AwaitableTask("f", (), {}).sync_wait_result_task(LONG)


def test_the_rights_that_errors_name_are_enough(
    kafka: KafkaNode,
    queue: str,
    server: KafkaStandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log_in(kafka, queue, monkeypatch)
    kafka.allow_only(topics(queue)[0], AclOperation.DESCRIBE, AclOperation.WRITE)
    kafka.allow_only(topics(queue)[1], AclOperation.DESCRIBE, AclOperation.READ)
    kafka.forbid_groups()
    for number in range(3):
        assert AwaitableTask("f", (number,), {}).sync_wait_result_task(LONG) == [(number,), {}]
    assert not caplog.records


# -------------------------------------------------------------------------------------------- processes and imports


def test_a_forked_child_uses_its_own_link_and_ends_as_usual(server: KafkaStandIn) -> None:
    program = """
import os, sys
from prpc.app_client import AwaitableTask
before = AwaitableTask("held", (1,), {})
child = os.fork()
if child == 0:
    mine = AwaitableTask("f", (2,), {})
    assert mine.sync_wait_result_task(120) == [(2,), {}]
    print("child", before.sync_wait_result_task(120), flush=True)
    sys.exit()
assert before.sync_wait_result_task(120) == [(1,), {}]
assert AwaitableTask("f", (3,), {}).sync_wait_result_task(120) == [(3,), {}]
print("parent", os.waitpid(child, 0)[1])
"""
    running = in_process(program)
    eventually(lambda: len(server.records) == 2)
    server.release()
    printed, errors = running.communicate(timeout=180)
    assert (running.returncode, printed) == (0, "child [(1,), {}]\nparent 0\n"), errors


def test_a_reply_that_came_before_the_fork_is_found_in_the_child(server: KafkaStandIn) -> None:
    task = AwaitableTask("f", (1,), {})
    child = os.fork()
    if child == 0:
        right = False
        try:
            right = task.sync_wait_result_task(LONG) == [(1,), {}]
        finally:
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert task.sync_wait_result_task(LONG) == [(1,), {}]


def test_a_program_ends_at_once_when_it_is_done(server: KafkaStandIn) -> None:
    program = "from prpc.app_client import ping; import time; ping().sync_wait_result_task(120); print(time.time())"
    printed, errors = in_process(program).communicate(timeout=180)
    assert time.time() - float(printed) < 15, errors
    assert errors == ""


def test_a_missing_confluent_kafka_is_named_with_the_way_to_install_it() -> None:
    program = "import sys; sys.modules['confluent_kafka'] = None; from prpc.app_client import ping; ping()"
    settings = {"PRPC_TYPE_BROKER": "kafka", "PRPC_URL_BROKER": "127.0.0.1:1", "PRPC_QUEUE_NAME": "q"}
    running = in_process(program, **settings)
    _, errors = running.communicate(timeout=180)
    assert running.returncode == 1
    assert "ImportError: a PRPC client over Kafka needs confluent-kafka" in errors
    assert "pip install 'prpc[kafka]'" in errors


@pytest.mark.parametrize(
    ("broker", "url", "mine", "foreign"),
    [
        ("redis", "redis://127.0.0.1:1/0", "redis", "confluent_kafka"),
        ("kafka", "127.0.0.1:1", "confluent_kafka", "redis"),
    ],
)
def test_only_the_library_of_the_broker_in_use_is_imported(broker: str, url: str, mine: str, foreign: str) -> None:
    program = (
        "import sys\nfrom prpc.app_client import _process\n_process.broker()\n"
        f"print({mine!r} in sys.modules, {foreign!r} in sys.modules)"
    )
    running = in_process(program, PRPC_TYPE_BROKER=broker, PRPC_URL_BROKER=url, PRPC_QUEUE_NAME="q")
    printed, errors = running.communicate(timeout=180)
    assert printed == "True False\n", errors


def test_stubs_are_written_and_used_over_kafka(server: KafkaStandIn, tmp_path: Path) -> None:
    stubs = tmp_path / "server_func.py"
    writing = in_process(f"from prpc.create_server_func import main; main(['--output', {str(stubs)!r}])")
    _, errors = writing.communicate(timeout=180)
    assert writing.returncode == 0, errors
    using = in_process(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{USING_STUBS}")
    printed, errors = using.communicate(timeout=180)
    assert printed == "3.5\n", errors


USING_STUBS = """
import datetime
from server_func import summ
print(summ(1, 2).sync_wait_result_task(datetime.timedelta(seconds=20)))
"""
