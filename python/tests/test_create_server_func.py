from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vectors
from conftest import RedisServer
from prpc import create_server_func
from prpc.create_server_func import LeftOut, generate
from stand_in import ENTRIES, StandIn

CASES = vectors.load("stubs")
ORIGINALS = [case for case in CASES if "unsupported" not in case["value"]]


def entry(args: list[Any], kwargs: list[Any] = [], name: Any = "f") -> dict[str, Any]:  # noqa: B006
    return {"func_name": name, "func_args": args, "func_kwargs": kwargs}


def calls(source: str) -> dict[str, Any]:
    """The functions of a generated file; calling one gives what it would send."""
    body = source.replace("from prpc.app_client import AwaitableTask", "")
    module: dict[str, Any] = {"AwaitableTask": lambda *call: call}
    exec(body, module)
    return module


def test_the_file_has_the_originals_text() -> None:
    assert generate(ENTRIES) == (
        "from prpc.app_client import AwaitableTask \n"
        "from typing import * \n"
        "\n\n"
        "def ping():\n"
        "\treturn AwaitableTask('ping', (), {}) \n"
        "\n\n"
        "def summ(a:int | float, b, z=0.5):\n"
        "\treturn AwaitableTask('summ', (a, b), {'z': z}) \n"
        "\n\n\n\n"
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_corrected_entries_give_the_text_of_the_vectors(case: dict[str, Any]) -> None:
    same = case["expect"] == "same"
    value, text = (case["value"], case["bytes"]) if same else (case["fixed_value"], case["fixed_bytes"])
    source = generate([vectors.value(value)])
    assert source == f"{create_server_func.HEAD}{text} \n\n\n\n\n"
    assert value["func_name"] in calls(source)


@pytest.mark.filterwarnings("ignore::prpc.create_server_func.LeftOut")
@pytest.mark.parametrize("case", ORIGINALS, ids=lambda case: case["name"])
def test_entries_of_an_original_server_give_a_file_that_works(case: dict[str, Any]) -> None:
    assert case["value"]["func_name"] in calls(generate([vectors.value(case["value"])]))


def test_a_single_argument_is_sent_as_a_tuple() -> None:
    assert calls(generate([entry([{"name": "a"}])]))["f"]([1, 2]) == ("f", ([1, 2],), {})


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("'text'", "text"),
        ("text", "text"),
        ("", ""),
        ("set()", set()),
        ("{1: 2}", {1: 2}),
        ("range(1, 9, 2)", range(1, 9, 2)),
        ("range('x')", "range('x')"),
        ("{[]: 1}", "{[]: 1}"),
        ("print(1)", "print(1)"),
    ],
)
def test_a_text_default_is_source_or_else_a_text(default: str, value: Any) -> None:
    assert calls(generate([entry([], [{"name": "a", "default": default}])]))["f"]() == ("f", (), {"a": value})


def test_an_annotation_stands_before_a_default() -> None:
    parameter = {"name": "z", "default": 1, "annotation": "int"}
    assert "def f(z:int=1):" in generate([entry([], [parameter])])


@pytest.mark.parametrize(
    "annotation",
    [
        "app.Custom",
        "~T",
        "Custom",
        "text with spaces",
        "print(1)",
        "(lambda: int)()",
        "[x for x in int]",
        "int # ",
        "int): pass\nimport os #",
        "int[3]",
        "'a' | 'b'",
        "list[" * 5000,
        "g",
        5,
    ],
)
def test_an_annotation_outside_the_grammar_is_left_out(annotation: Any) -> None:
    entries = [entry([{"name": "a", "annotation": annotation}, {"name": "b"}]), entry([], name="g")]
    with pytest.warns(LeftOut):
        source = generate(entries)
    assert "f" not in calls(source) or "def f(a, b):" in source
    assert calls(source)["g"]() == ("g", (), {})


@pytest.mark.parametrize("default", [float("inf"), vectors.value({"$decimal": "1.5"}), object(), {"a": float("nan")}])
def test_a_parameter_whose_default_has_no_source_is_left_out(default: Any) -> None:
    with pytest.warns(LeftOut, match="the parameter a is left out"):
        source = generate([entry([{"name": "x"}], [{"name": "a", "default": default}])])
    assert calls(source)["f"](1) == ("f", (1,), {})


@pytest.mark.parametrize(
    "bad",
    [
        entry([], name="no name"),
        entry([], name="class"),
        entry([], name="AwaitableTask"),
        entry([], name=None),
        entry([], name="f():\n\tpass\nimport os\ndef g"),
        entry([{"name": "a, b"}]),
        entry([{"name": "AwaitableTask"}]),
        entry([{"name": "a"}, {"name": "a"}]),
        entry([{"name": "a"}], [{"name": "a"}]),
        entry([], [{"name": "a", "default": 1}, {"name": "b"}]),
        entry([5]),
        {"func_name": "f"},
        "text",
    ],
)
def test_a_function_that_cannot_be_written_is_left_out(bad: Any) -> None:
    with pytest.warns(LeftOut, match="is left out"):
        source = generate([bad, entry([], name="good")])
    assert source == generate([entry([], name="good")])


@pytest.fixture
def environment(no_settings: None, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PRPC_TYPE_BROKER", "redis")
    monkeypatch.setenv("PRPC_URL_BROKER", redis_server.url)
    monkeypatch.setenv("PRPC_QUEUE_NAME", "q")
    with redis_server.client() as client:
        server = StandIn(client, "q", pushes=True)
        yield
        server.close()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRPC_TYPE_BROKER", "PRPC_URL_BROKER", "PRPC_QUEUE_NAME"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prpc.create_server_func", *arguments]
    folder = Path(__file__).resolve().parents[1]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)


@pytest.mark.usefixtures("environment")
def test_the_program_writes_a_file_whose_functions_call_the_server(tmp_path: Path) -> None:
    file = tmp_path / "stubs.py"
    done = run("--output", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_text() == generate(ENTRIES)
    call = "import stubs; print(stubs.summ(1, 2).sync_wait_result_task(20))"
    folder = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {call}"]
    assert subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180).stdout == "3.5\n"


@pytest.mark.usefixtures("environment")
def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    done = run("--output", str(tmp_path / "missing" / "stubs.py"))
    assert done.returncode == 1
    assert "missing/stubs.py cannot be written" in done.stderr
    assert "--output PATH" in done.stderr


def test_a_client_without_settings_is_told_so() -> None:
    done = run()
    assert done.returncode == 1
    assert "PRPC_QUEUE_NAME" in done.stderr


def test_the_default_file_lies_beside_the_package() -> None:
    assert create_server_func.TARGET.parent == Path(create_server_func.__file__).parent
    assert create_server_func.TARGET.name == "server_func.py"
