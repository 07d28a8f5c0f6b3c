"""A night out of the history, for the commands that show it or choose from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.errors import ArwatchError
from arwatch.ledger.seen import frames_of
from arwatch.model.figures import Figures
from arwatch.night.conditions import judge
from arwatch.night.nights import night_of
from arwatch.night.seen import Seen

if TYPE_CHECKING:
    from arwatch.ledger.nights import Nights
    from arwatch.night.conditions import Night

LAST = "last"
MOST_NAMED = 5


class NoNightError(ArwatchError):
    """There is no such night in the history."""


def night(history: Nights, wanted: str = LAST) -> tuple[date, Night]:
    """Give a night's frames in their order, and what they were exposed under.

    Parameters
    ----------
    history
        Of the daemon.
    wanted
        The day on whose evening the night began, as `2026-11-21`, or "last".

    Raises
    ------
    NoNightError
        It is no day, or the history has no frame of that night; the text names those that there are.
    LedgerError
        The history cannot be read.
    """
    day = _last(history) if wanted == LAST else _day(wanted)
    frames = [] if day is None else frames_of(history, day)
    if day is None:
        raise NoNightError("the history has no frame yet: `arwatch run` and `arwatch process` add them")
    if not frames:
        raise NoNightError(f"the history has no frame of the night of {day}; {_those_there_are(history)}")
    return day, judge(frames)


def _last(history: Nights) -> date | None:
    taken = history.last_taken()
    if taken is None:
        return None
    return night_of(Seen.of(0, Path(), 0.0, Figures(taken=taken)))


def _day(wanted: str) -> date:
    try:
        return date.fromisoformat(wanted)
    except ValueError as error:
        raise NoNightError(f"{wanted}: is no night: give the day of its evening, as 2026-11-21, or `last`") from error


def _those_there_are(history: Nights) -> str:
    days = history.days()
    return f"it has frames of {', '.join(days[-MOST_NAMED:])}" if days else "it has none with a time"
