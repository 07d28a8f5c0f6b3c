"""Names that file events told of, until they are looked at: a flood of names that soon go again costs little."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AT_ONCE = 20
"""Names a second, and in a burst, that are looked at as soon as they are noticed: many more than a camera makes."""
HOLD_S = 1.0
"""Beyond that a name is looked at when it was noticed so long ago: what a flood consists of has gone by then."""
MOST = 20_000
"""Names that are remembered; with more of them the folder is scanned instead."""


class Noticed:
    """The names that are to be looked at, and when. The clock (monotonic seconds) is handed in."""

    def __init__(self) -> None:
        self._fresh: dict[Path, float] = {}
        self._held: dict[Path, float] = {}
        """Each is in the order in which its names are due."""
        self._tokens = float(AT_ONCE)
        self._filled = 0.0
        self.overflowed = False
        """There were more names than are remembered; who scans the folder sets it back."""

    def __len__(self) -> int:
        return len(self._fresh) + len(self._held)

    def note(self, path: Path, now: float) -> bool:
        """Take note of a name; gives whether something is due sooner than `sleep` said before."""
        if path in self._fresh or path in self._held:
            return False
        self._tokens = min(float(AT_ONCE), self._tokens + AT_ONCE * (now - self._filled))
        self._filled = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            self._fresh[path] = now
            return True
        if len(self._held) < MOST:
            self._held[path] = now + HOLD_S
            return len(self._held) == 1
        self._held.clear()
        self.overflowed = True
        return True

    def take(self, most: int, now: float) -> list[Path]:
        """Give names that are due, and forget them."""
        due: list[Path] = []
        for names in (self._fresh, self._held):
            due += takewhile(lambda path: names[path] <= now, islice(names, most - len(due)))  # noqa: B023 -- used at once
        for path in due:
            self._fresh.pop(path, None)
            self._held.pop(path, None)
        return due

    def sleep(self, now: float) -> float | None:
        """Seconds until a name is due; None: there is none."""
        first = [next(iter(names.values())) for names in (self._fresh, self._held) if names]
        return max(0.0, min(first) - now) if first else None
