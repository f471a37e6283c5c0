"""Draws runs, a row for each: replicas, backlog and answers over time. Looks like the drawings of crates/simulation."""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from dataclasses import dataclass, field
from html import escape

from record import Record, Steps

WIDTH, TOP, ROW = 760.0, 36.0, 168.0
"""Of the drawing, of its title, and of the height of a row, in pixels."""
ABOVE, BELOW, LEFT, RIGHT = 44.0, 24.0, 44.0, 14.0
"""Room around the lines of a panel."""
POINTS = 200
"""A line has at most about so many."""
OURS, OTHER = "#1F61B5", "#D66E14"

Points = list[tuple[float, float]]


@dataclass
class Panel:
    """Lines over time, with the one that counts last."""

    caption: str
    lines: list[tuple[str, Points]] = field(default_factory=list)
    """Colour and points."""


def draw(title: str, rows: list[tuple[str, Record]]) -> str:
    """The drawing, as SVG."""
    height = TOP + ROW * len(rows)
    parts = [
        f'<svg width="{WIDTH:.0f}" height="{height:.0f}" viewBox="0 0 {WIDTH:.0f} {height:.0f}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        f'<rect x="0" y="0" width="{WIDTH:.0f}" height="{height:.0f}" fill="#FFFFFF" stroke="none"/>',
        text(WIDTH / 2, 20, title, 14.5),
    ]
    for index, (name, record) in enumerate(rows):
        top = TOP + ROW * index
        parts.append(text(LEFT, top + 16, name, 12, "start"))
        panels = panels_of(record)
        width = WIDTH / len(panels)
        for column, panel in enumerate(panels):
            parts += draw_panel(panel, record.ends, column * width, top, width)
    return "\n".join([*parts, "</svg>", ""])


def panels_of(record: Record) -> list[Panel]:
    """What is drawn of a run."""
    wanted, running = (corners(steps, record.ends) for steps in (record.replicas, record.running()))
    return [
        Panel("replicas, and pods that run (orange)", [(OTHER, running), (OURS, wanted)]),
        Panel("calls waiting or in work", [(OURS, backlog(record))]),
        Panel("answers per second", [(OURS, rate(record))]),
    ]


def corners(steps: Steps, ends: float) -> Points:
    """A corner before and after each change."""
    line: Points = []
    for at, number in steps:
        line += [(at, line[-1][1])] if line else []
        line.append((at, number))
    return [*line, (ends, line[-1][1])]


def backlog(record: Record) -> Points:
    """How many calls were sent and not answered."""
    sent, answered = [sent for sent, _ in record.calls], record.answered()
    moments = (record.ends * index / POINTS for index in range(POINTS + 1))
    return [(at, bisect(sent, at) - bisect(answered, at)) for at in moments]


def rate(record: Record) -> Points:
    """Answers in each span, in the middle of it."""
    span = max(1.0, record.ends / POINTS * 2)
    answered = record.answered()
    edges = [span * index for index in range(math.floor(record.ends / span) + 1)]
    counts = itertools.pairwise(bisect(answered, edge) for edge in edges)
    return [(edge + span / 2, (after - before) / span) for edge, (before, after) in zip(edges, counts, strict=False)]


def draw_panel(panel: Panel, ends: float, left: float, top: float, width: float) -> list[str]:
    """The parts of a panel."""
    begin, end, floor, ceiling = left + LEFT, left + width - RIGHT, top + ROW - BELOW, top + ABOVE
    highest = max(1.0, *(y for _, points in panel.lines for _, y in points)) * 1.08

    def place(x: float, y: float) -> tuple[float, float]:
        return begin + (end - begin) * x / ends, floor - (floor - ceiling) * y / highest

    parts = [text((begin + end) / 2, ceiling - 8, panel.caption, 10.5)]
    for tick in ticks(highest, 4):
        _, y = place(0, tick)
        parts.append(line([(begin, y), (end, y)], "#000000", opacity=0.2))
        parts.append(line([(begin - 5, y), (begin, y)], "#000000"))
        parts.append(text(begin - 8, y + 3.5, f"{tick:.0f}", 9.7, "end"))
    for tick in ticks(ends, 4):
        x, _ = place(tick, 0)
        parts.append(line([(x, floor), (x, floor + 5)], "#000000"))
        parts.append(text(x, floor + 16, f"{tick:.0f} s", 9.7))
    parts.append(line([(begin, ceiling), (begin, floor), (end, floor)], "#000000"))
    for color, points in panel.lines:
        parts.append(line([place(x, y) for x, y in points], color, 2))
    return parts


def ticks(highest: float, most: int) -> list[float]:
    """Whole round numbers from zero up, so many steps at most."""
    power = 10 ** math.floor(math.log10(highest / most))
    step = max(1, next(factor * power for factor in (1, 2, 5, 10) if factor * power * most >= highest))
    return [step * index for index in range(math.floor(highest / step) + 1)]


def line(points: Points, color: str, width: float = 1, opacity: float = 1) -> str:
    """A line through points of the drawing."""
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline fill="none" opacity="{opacity}" stroke="{color}" stroke-width="{width}" points="{where}"/>'


def text(x: float, y: float, content: str, size: float, anchor: str = "middle") -> str:
    """A line of text."""
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-family="sans-serif" font-size="{size}" fill="#000000">{escape(content)}</text>'
