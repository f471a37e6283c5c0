"""The table of values in the chart's README, made from the comments in values.yaml.

python tests/chart/values_table.py      writes the table into the README
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from chart import CHART

README = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"


@dataclass(frozen=True)
class Value:
    path: tuple[str, ...]
    comment: str
    default: Any

    @property
    def row(self) -> str:
        default = json.dumps(self.default, ensure_ascii=False)
        return f"| `{'.'.join(self.path)}` | `{default}` | {self.comment} |\n"


def comment_above(lines: list[str], line: int) -> str:
    """The comment that starts with `# -- ` and ends right above a line, or nothing."""
    words: list[str] = []
    for text in reversed(lines[:line]):
        text = text.strip()
        if not text.startswith("#"):
            break
        words.insert(0, text.removeprefix("#").strip())
        if text.startswith("# -- "):
            return " ".join(words).removeprefix("-- ")
    return ""


def values(text: str) -> list[Value]:
    """Every value that is documented as a whole or holds no further values."""
    lines = text.splitlines()

    def walk(node: yaml.MappingNode, path: tuple[str, ...]) -> Iterator[Value]:
        for key, child in node.value:
            here = (*path, str(key.value))
            comment = comment_above(lines, key.start_mark.line)
            if isinstance(child, yaml.MappingNode) and child.value and not comment:
                yield from walk(child, here)
            else:
                default = yaml.safe_load(yaml.serialize(child))
                yield Value(here, comment, default)

    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    return list(walk(root, ()))


def table(text: str) -> str:
    return "| Value | Default | Meaning |\n| --- | --- | --- |\n" + "".join(value.row for value in values(text))


def with_table(readme: str, text: str) -> str:
    """The README with the table that belongs to these values."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(text)}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(), (CHART / "values.yaml").read_text()))
