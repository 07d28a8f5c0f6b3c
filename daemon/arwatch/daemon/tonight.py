"""What happened since the last local noon, also across restarts: what a person calls tonight."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from arwatch.night.nights import NOON_H

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOLD = ("written", "failed")


class Tonight:
    """Counts frames that were written and that failed; begins anew at noon.

    Parameters
    ----------
    counts : callable
        Seconds since 1970 -> how many frames ended since then, by state, as the ledger has it; asked once.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, counts: Callable[[float], Mapping[str, int]], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._since = last_noon(clock())
        self._counts = Counter({kind: counts(self._since).get(kind, 0) for kind in _TOLD})

    def count(self, kind: str) -> None:
        """Take note of a frame's end."""
        self._begin_anew_at_noon()
        if kind in self._counts:
            self._counts[kind] += 1

    def __str__(self) -> str:
        """Give it as the status shows it, as in `143 written, 0 failed tonight`."""
        self._begin_anew_at_noon()
        return f"{self._counts['written']} written, {self._counts['failed']} failed tonight"

    def _begin_anew_at_noon(self) -> None:
        noon = last_noon(self._clock())
        if noon > self._since:  # not where the clock was set back
            self._since = noon
            self._counts = Counter(dict.fromkeys(_TOLD, 0))


class OnceANight:
    """Lets something be told once from noon to noon, also across restarts.

    Parameters
    ----------
    told : callable
        Seconds since 1970 -> whether it was told since then; asked once.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, told: Callable[[float], bool], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        noon = last_noon(clock())
        self._night: float | None = noon if told(noon) else None

    def is_first(self) -> bool:
        """Whether it has not been told tonight; from now on it has."""
        noon = last_noon(self._clock())
        if self._night is not None and noon <= self._night:
            return False
        self._night = noon
        return True


def last_noon(now: float) -> float:
    """Give the last local noon, seconds since 1970; at noon itself that is now."""
    today = time.localtime(now)
    day = today.tm_mday - (today.tm_hour < NOON_H)
    return time.mktime((today.tm_year, today.tm_mon, day, NOON_H, 0, 0, 0, 0, -1))
