"""When what ended by a mistake begins again: soon, and ever later while it ends soon each time. No log is flooded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
"""The end of what has run for so long has nothing to do with an end before."""


class Restarts:
    """Things that are begun again, each under a key.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[Hashable, float] = {}
        self._pauses: dict[Hashable, float] = {}
        self._due: dict[Hashable, float] = {}

    def ended(self, key: Hashable) -> None:
        """Take note that a thing ended: it waits from now on."""
        now = self._clock()
        steady = now - self._began.get(key, now) >= STEADY_S
        pause_s = FIRST_PAUSE_S if steady or key not in self._pauses else 2 * self._pauses[key]
        self._pauses[key] = min(pause_s, LONGEST_PAUSE_S)
        self._due[key] = now + self._pauses[key]

    def waits(self, key: Hashable) -> bool:
        """Whether it is too early for a thing to begin again."""
        return self._due.get(key, 0.0) > self._clock()

    def due(self) -> list[Hashable]:
        """Give the things that have waited long enough; they wait until `began` is called."""
        return [key for key, due in self._due.items() if due <= self._clock()]

    def began(self, key: Hashable) -> None:
        """Take note that a thing runs again."""
        self._began[key] = self._clock()
        self._due.pop(key, None)

    def forget(self, key: Hashable) -> None:
        """Let a thing be begun no more."""
        for known in (self._began, self._pauses, self._due):
            known.pop(key, None)

    def sleep(self) -> float | None:
        """Seconds until a thing is due; None: none waits."""
        return max(0.0, min(self._due.values()) - self._clock()) if self._due else None
