"""What became of this machine's processor time, which is the node's too."""

from __future__ import annotations

from pathlib import Path

KINDS = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"]
"""As /proc/stat has them. Those of guests, which follow, are counted among the first two."""


class Since:
    """The time of all cores from now on."""

    def __init__(self) -> None:
        self._begin = _ticks()

    def share(self, kind: str) -> float:
        """The part of this kind, until now."""
        spent = {kind: ticks - self._begin[kind] for kind, ticks in _ticks().items()}
        return spent[kind] / sum(spent.values())


def _ticks() -> dict[str, int]:
    ticks = Path("/proc/stat").read_text().split()[1:]
    return dict(zip(KINDS, map(int, ticks), strict=False))
