"""Draws the rates of all peers as bars, with a line from the lowest run to the highest."""

from __future__ import annotations

import statistics
from html import escape

WIDTH, TOP, ROW, BAR = 760, 40, 26, 16
"""Of the drawing, of its title, and the height of a row and of its bar, in pixels."""
LEFT, RIGHT = 160, 90
"""Room for names and for figures."""
OURS, OTHER, INK = "#1F61B5", "#D66E14", "#333333"


def draw(title: str, rates: dict[str, list[float]]) -> str:
    """The drawing, as SVG: peers by their medians, on one linear scale."""
    highest = max(max(found) for found in rates.values())
    scale = (WIDTH - LEFT - RIGHT) / highest
    height = TOP + ROW * len(rates) + 10
    parts = [
        f'<svg width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" xmlns="http://www.w3.org/2000/svg">',
        f'<rect x="0" y="0" width="{WIDTH}" height="{height}" fill="#FFFFFF" stroke="none"/>',
        _text(WIDTH / 2, 22, title, "middle", 14.5),
    ]
    in_order = sorted(rates.items(), key=lambda item: -statistics.median(item[1]))
    for row, (peer, found) in enumerate(in_order):
        top = TOP + ROW * row
        middle = top + BAR / 2
        length = statistics.median(found) * scale
        colour = OURS if peer.startswith("prpc") else OTHER
        low, high = LEFT + min(found) * scale, LEFT + max(found) * scale
        parts += [
            _text(LEFT - 8, middle + 4, peer, "end"),
            f'<rect x="{LEFT}" y="{top}" width="{max(length, 1):.1f}" height="{BAR}" fill="{colour}"/>',
            f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="{INK}"/>',
            _text(high + 8, middle + 4, f"{statistics.median(found):,.0f}".replace(",", " "), "start"),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str, size: float = 12) -> str:
    style = f'font-family="sans-serif" font-size="{size}" text-anchor="{anchor}" fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
