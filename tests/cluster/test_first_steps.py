"""What a user does first: apply a manifest, look at it, call it."""

from __future__ import annotations

from callers import Queue
from cluster import Namespace, queue
from installed import mounting_operator


def test_a_manifest_becomes_pods_that_answer_calls(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("hello"))
    place.wait_ready("hello")
    assert callers("hello").call("add", 1, 2) == 3
    status = place.get("pq", "hello")["status"]
    assert status["replicas"] == 1
    assert {"name": "add", "worker": "thread"} in status["functions"]
    assert place.kubectl("wait", "--for=condition=Ready", "pq/hello", "--timeout=1s")


def test_the_table_and_the_description_read_well(place: Namespace, callers: type[Queue]) -> None:
    header, row = place.kubectl("get", "pq", "hello").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "BROKER", "REPLICAS", "BACKLOG", "OLDEST", "DEAD", "AGE"]
    assert row.split()[:5] == ["hello", "True", "Serving", "redis", "1"]
    description = place.kubectl("describe", "pq", "hello")
    assert "1 of 1 pods take calls" in description
    assert "Serving" in description


def test_no_pod_compiles_the_package_that_comes_with_the_runtime(place: Namespace) -> None:
    (pod,) = place.pods("hello")
    look = "PYTHONPATH=/prpc/python python3 -v -c 'import prpc.app_server' 2>&1"
    imports = place.kubectl("exec", pod["metadata"]["name"], "-c", "worker", "--", "sh", "-c", look)
    loaded = [line for line in imports.splitlines() if "code object from" in line and "/prpc/python/" in line]
    assert loaded
    assert all("/__pycache__/" in line for line in loaded), loaded


def test_an_image_that_has_the_runtime_needs_nothing_put_into_it(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("bundled", function={"image": "prpc-function:bundled", "runtime": "Image"}))
    place.wait_ready("bundled")
    assert callers("bundled").call("add", 1, 2) == 3
    (pod,) = place.pods("bundled")
    assert "initContainers" not in pod["spec"]


def test_the_image_of_the_runtime_is_mounted_where_the_cluster_can(place: Namespace, callers: type[Queue]) -> None:
    with mounting_operator():
        place.apply(queue("mounted"))
        place.wait_ready("mounted")
        assert "initContainers" not in place.pods("mounted")[0]["spec"]
        assert callers("mounted").call("add", 1, 2) == 3
        place.delete("pq", "mounted")


def test_a_program_written_for_the_original_runs_unchanged(place: Namespace, callers: type[Queue]) -> None:
    place.apply(queue("original", queueName="task_prpc", function={"app": "server.py"}))
    place.wait_ready("original")
    assert callers("task_prpc").call("ping") == "pong"
