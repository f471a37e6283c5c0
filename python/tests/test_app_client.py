from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from conftest import RedisServer
from prpc import app_client, redis_broker
from prpc.app_client import AwaitableTask, ClientTimeOutError
from prpc.native import NativeError
from prpc.redis_broker import RedisBroker, RedisCall
from prpc.redis_link import RedisLink
from stand_in import StandIn

QUEUE = "q"
WAITS = [
    pytest.param(lambda task, timeout: task.sync_wait_result_task(timeout), id="sync"),
    pytest.param(lambda task, timeout: asyncio.run(task.async_wait_result_task(timeout)), id="async"),
]
Wait = Callable[[AwaitableTask, Any], Any]
LONG = 120
"""Seconds in which everything happens that is to happen, on a busy machine too."""


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def soon(action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(0.2, action)
    timer.start()
    return timer


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRPC_TYPE_BROKER", "redis")
    monkeypatch.setenv("PRPC_URL_BROKER", url)
    monkeypatch.setenv("PRPC_QUEUE_NAME", QUEUE)
    monkeypatch.setattr(app_client, "_process", app_client._Process())


@pytest.fixture(params=[True, False], ids=["a server that pushes", "a server that does not"])
def server(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[StandIn]:
    use(redis_server.url, monkeypatch)
    with redis_server.client() as client:
        stand_in = StandIn(client, QUEUE, pushes=request.param)
        yield stand_in
        stand_in.close()
    link().close()


def link() -> RedisLink:
    broker = app_client._process.broker()
    assert isinstance(broker, RedisBroker)
    return broker.link()


def key(task: AwaitableTask) -> str:
    assert isinstance(task._call, RedisCall)
    return task._call.key


@pytest.mark.parametrize("wait", WAITS)
def test_a_call_is_answered_and_may_be_waited_for_again(server: StandIn, wait: Wait) -> None:
    task = AwaitableTask("f", (1, "ж"), {"z": {1, 2}})
    assert task.time_execution is None
    for _ in range(2):
        assert wait(task, LONG) == [(1, "ж"), {"z": {1, 2}}]
    assert task.message.is_message_done()
    assert task.is_done_task()
    assert task.time_execution is not None
    assert task.time_execution > timedelta(0)


def test_the_request_is_marked_as_this_clients(server: StandIn) -> None:
    AwaitableTask("f", [], {}).sync_wait_result_task(LONG)
    assert server.entries[0][b"client"] == b"prpc/1"


def test_none_is_a_result(server: StandIn) -> None:
    assert AwaitableTask("nothing", (), {}).sync_wait_result_task(LONG) is None


def test_the_systems_own_functions_are_called(server: StandIn) -> None:
    assert app_client.ping().sync_wait_result_task(LONG) == [(), {}]
    assert app_client.get_function_server().sync_wait_result_task(LONG)[0]["func_name"] == "ping"


def test_a_reply_that_was_read_is_deleted(server: StandIn) -> None:
    task = AwaitableTask("f", [], {})
    assert task.sync_wait_result_task(LONG) == [[], {}]
    AwaitableTask("f", [], {})
    eventually(lambda: not server.client.exists(key(task)))


def test_a_reply_that_was_read_is_deleted_when_the_program_ends(server: StandIn, redis_server: RedisServer) -> None:
    variables = {"PRPC_TYPE_BROKER": "redis", "PRPC_URL_BROKER": redis_server.url, "PRPC_QUEUE_NAME": QUEUE}
    program = "from prpc.app_client import AwaitableTask; print(AwaitableTask('f', [], {}).sync_wait_result_task(120))"
    folder = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert not list(server.client.scan_iter(f"prpc_feedback_{QUEUE}_*"))


@pytest.mark.parametrize("wait", WAITS)
def test_an_error_reply_raises_its_text_every_time(server: StandIn, wait: Wait) -> None:
    task = AwaitableTask("fail", (), {})
    for _ in range(2):
        with pytest.raises(Exception, match=r"^boom$") as caught:
            wait(task, LONG)
        assert caught.type is Exception


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize(
    ("timeout", "text"), [(0.1, "0.1"), (timedelta(seconds=0.25), "0.25"), (1, "1.0")], ids=["float", "delta", "int"]
)
def test_waiting_ends_at_its_limit_and_may_go_on(server: StandIn, wait: Wait, timeout: Any, text: str) -> None:
    task = AwaitableTask("held", (), {})
    with pytest.raises(ClientTimeOutError) as caught:
        wait(task, timeout)
    assert str(caught.value) == f"the task was completed by wait timeout {text} secs."
    with pytest.raises(Exception, match="task in process"):
        task.get_result()
    assert not task.is_done_task(update_status=True)
    server.release()
    assert wait(task, LONG) == [(), {}]


@pytest.mark.parametrize("wait", WAITS)
def test_the_limit_holds_when_redis_does_not_answer(server: StandIn, redis_server: RedisServer, wait: Wait) -> None:
    task = AwaitableTask("held", (), {})
    eventually(lambda: server.held)
    redis_server.freeze()
    start = time.monotonic()
    try:
        with pytest.raises(ClientTimeOutError):
            wait(task, 0.1)
        assert time.monotonic() - start < 15
    finally:
        redis_server.thaw()
    server.release()
    assert wait(task, LONG) == [(), {}]


@pytest.mark.parametrize("wait", WAITS)
def test_redis_reports_the_reply_without_polling(server: StandIn, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_broker, "TRACKED_POLL", 600.0)
    assert link().tracking
    task = AwaitableTask("held", (1,), {})
    eventually(lambda: server.held)
    soon(server.release)
    assert wait(task, LONG) == [(1,), {}]
    assert not link()._watched


def test_the_reply_is_polled_for_where_redis_cannot_report(
    start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = start_redis("--rename-command", "HELLO", "", "--requirepass", "s p@")
    use(old.url.replace("//", "//:s%20p%40@"), monkeypatch)
    with redis.Redis(port=old.port, password="s p@", protocol=2) as client:
        stand_in = StandIn(client, QUEUE, pushes=True)
        task = AwaitableTask("held", (1,), {})
        assert not link().tracking
        eventually(lambda: stand_in.held)
        soon(stand_in.release)
        assert task.sync_wait_result_task(LONG) == [(1,), {}]
        stand_in.close()


def test_hundreds_of_tasks_share_one_connection(server: StandIn) -> None:
    async def run() -> list[Any]:
        tasks = [AwaitableTask("held", (n,), {}) for n in range(300)]
        waits = [asyncio.ensure_future(task.async_wait_result_task(LONG)) for task in tasks]
        await asyncio.to_thread(eventually, lambda: len(link()._watched) == 300)
        assert len(server.client.client_list()) < 10
        await asyncio.to_thread(eventually, lambda: len(server.held) == 300)
        await asyncio.to_thread(server.release)
        return await asyncio.gather(*waits)

    assert asyncio.run(run()) == [[(n,), {}] for n in range(300)]
    assert not link()._watched


def test_threads_call_at_the_same_time(server: StandIn) -> None:
    def call(number: int) -> Any:
        return AwaitableTask("f", (number,), {}).sync_wait_result_task(LONG)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(call, range(500))) == [[(n,), {}] for n in range(500)]


def test_threads_that_wait_for_the_same_task_are_all_told(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_broker, "TRACKED_POLL", 600.0)
    for _ in range(20):
        task = AwaitableTask("held", (), {})
        with ThreadPoolExecutor(4) as pool:
            waits = [pool.submit(task.sync_wait_result_task, 20) for _ in range(4)]
            eventually(lambda: server.held)
            server.release()
            assert [wait.result() for wait in waits] == [[(), {}]] * 4


@pytest.mark.parametrize("wait", WAITS)
def test_waiting_survives_a_lost_connection(server: StandIn, wait: Wait) -> None:
    task = AwaitableTask("held", (), {})
    eventually(lambda: server.held)

    def interrupt() -> None:
        server.client.client_kill_filter(_type="normal", skipme=True)
        server.release()

    soon(interrupt)
    assert wait(task, LONG) == [(), {}]


@pytest.mark.parametrize("wait", WAITS)
def test_waiting_survives_a_restart_of_redis(
    start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch, wait: Wait
) -> None:
    own = start_redis()
    use(own.url, monkeypatch)
    with own.client() as client:
        stand_in = StandIn(client, QUEUE, pushes=True)
        task = AwaitableTask("held", (), {})
        eventually(lambda: stand_in.held)

        def restart() -> None:
            own.stop()
            own.start()
            stand_in.release()

        soon(restart)
        assert wait(task, LONG) == [(), {}]
        assert wait(AwaitableTask("f", (), {}), 20) == [(), {}]
        stand_in.close()


def test_a_call_is_sent_once_over_a_new_connection_when_the_old_one_is_gone(server: StandIn) -> None:
    AwaitableTask("f", (), {}).sync_wait_result_task(LONG)
    clients = len(server.client.client_list())
    server.client.client_kill_filter(_type="normal", skipme=True)
    eventually(lambda: len(server.client.client_list()) < clients)
    assert AwaitableTask("f", (2,), {}).sync_wait_result_task(LONG) == [(2,), {}]
    assert len(server.entries) == 2


def test_a_redis_that_is_not_there_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    use("redis://127.0.0.1:1/0", monkeypatch)
    with pytest.raises(redis.ConnectionError, match=r"127\.0\.0\.1:1"):
        AwaitableTask("f", (), {})


def test_a_wrong_password_is_an_error_at_once(
    start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = start_redis("--requirepass", "right")
    use(locked.url.replace("//", "//:wrong@"), monkeypatch)
    with pytest.raises(redis.AuthenticationError, match="invalid username-password"):
        AwaitableTask("f", (), {})


def test_a_forked_child_uses_its_own_connection(server: StandIn) -> None:
    before = AwaitableTask("f", (1,), {})
    child = os.fork()
    if child == 0:
        right = False
        try:
            right = before.sync_wait_result_task(LONG) == [(1,), {}]
            right = right and AwaitableTask("f", (2,), {}).sync_wait_result_task(LONG) == [(2,), {}]
        finally:
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert AwaitableTask("f", (3,), {}).sync_wait_result_task(LONG) == [(3,), {}]


def test_a_reply_outside_the_grammar_is_refused_and_left_alone(server: StandIn) -> None:
    task = AwaitableTask("never", (), {})
    server.client.set(key(task), '{"py/object": "os.system"}')
    for _ in range(2):
        with pytest.raises(NativeError, match="not-message"):
            task.sync_wait_result_task(LONG)


def test_an_argument_that_cannot_be_sent_is_refused_before_sending(server: StandIn) -> None:
    with pytest.raises(TypeError, match=r"builtins\.object"):
        AwaitableTask("f", (object(),), {})
    assert AwaitableTask("f", (), {}).sync_wait_result_task(LONG) == [(), {}]
    assert len(server.entries) == 1


@pytest.mark.parametrize(
    ("broker", "error", "words"),
    [
        ("", AssertionError, "PRPC_TYPE_BROKER"),
        ("rabbit", ValueError, "no such broker"),
    ],
)
def test_settings_that_cannot_work_are_named(
    broker: str, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("redis://127.0.0.1:1/0", monkeypatch)
    monkeypatch.setenv("PRPC_TYPE_BROKER", broker)
    with pytest.raises(error, match=words):
        AwaitableTask("f", (), {})


def test_a_missing_redis_py_is_named_with_the_way_to_install_it() -> None:
    program = "import sys; sys.modules['redis'] = None; from prpc.app_client import ping; ping()"
    variables = {"PRPC_TYPE_BROKER": "redis", "PRPC_URL_BROKER": "redis://127.0.0.1:1/0", "PRPC_QUEUE_NAME": QUEUE}
    folder = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1
    assert "ImportError: a PRPC client over Redis needs redis-py" in done.stderr
    assert "pip install 'prpc[redis]'" in done.stderr
