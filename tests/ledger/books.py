"""What was noted, and whether it balances."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from prpc.prpcmessage import PRPCMessage
from side import Side

ENDED = "the worker process ended during the call"


@dataclass(frozen=True)
class Struck:
    """A fault that has struck. An orderly one explains nothing."""

    at: float
    name: str
    orderly: bool


@dataclass
class Books:
    """Calls that were accepted, what happened meanwhile, and what is wrong."""

    limit: float
    """Seconds after which a call is ended."""
    accepted: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    faults: list[Struck] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    again: int = 0
    """Starts beyond the first."""

    def has_fault(self, after: float, until_when: float, name: str = "") -> bool:
        """Whether there was one in this time that explains something, of any name or this one."""
        return any(
            after < fault.at <= until_when and not fault.orderly and (not name or name == fault.name)
            for fault in self.faults
        )

    def check(self, side: Side, starts: dict[int, list[float]]) -> None:
        """Notes what does not balance."""
        replies = side.replies(list(self.accepted))
        for call, (function, number) in self.accepted.items():
            when = sorted(starts.get(number, []))
            found = replies.get(call, [])
            if not found:
                self.problems.append(f"{function} {number} ({call}), started {len(when)} times, has no reply")
                continue
            self.problems += [
                f"{function} {number} has a wrong reply: {reply.result!r}, {reply.exception_info!r}"
                for reply in found
                if not self._is_right(side.reach, function, number, reply)
            ]
            if not when:
                self.problems.append(f"{function} {number} was answered and never started")
            self._check_starts(side.reach, f"{function} {number} ({call})", when)
        if dead := side.dead():
            self.problems.append(f"dead letters: {dead[:3]}")

    def _check_starts(self, reach: float, call: str, when: Sequence[float]) -> None:
        for before, after in itertools.pairwise(when):
            self.again += 1
            if not self.has_fault(before - reach, after):
                at = f"at {before:.2f} and, {after - before:.2f} s later,"
                self.problems.append(f"{call} was started {at} again for no reason")

    def _is_right(self, reach: float, function: str, number: int, reply: PRPCMessage) -> bool:
        """Whether a reply belongs to its function, or says that its process was killed, which was a fault."""
        error = reply.exception_info or ""
        if error.startswith(ENDED) and "SIGKILL" in error:
            assert reply.date_done_message is not None
            done = reply.date_done_message.timestamp()
            return self.has_fault(done - reach, done, "process killed")
        errors = {"fail": "boom", "crash": ENDED, "hang": f"server timeout {self.limit}"}
        return errors[function] in error if function in errors else reply.result == number


def read_starts(path: Path) -> dict[int, list[float]]:
    """When each call was started, by its number."""
    starts: dict[int, list[float]] = {}
    for line in path.read_text().splitlines():
        number, moment = line.split()
        starts.setdefault(int(number), []).append(float(moment))
    return starts
