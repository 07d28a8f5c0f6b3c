"""The ledger at a start, and a new one in place of one that is damaged."""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from arwatch.daemon.tonight import last_noon
from arwatch.errors import ArwatchError
from arwatch.ledger.faults import DamagedLedgerError
from arwatch.ledger.history import History
from arwatch.ledger.nights import Nights
from arwatch.ledger.seen import latest
from arwatch.ledger.store import Ledger, set_aside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from arwatch.night.seen import Seen
    from arwatch.telling.log import Log


def open_ledger(folder: Path, roots: Sequence[Path], log: Log) -> Ledger:
    """Open the ledger of a state folder, and put back what was in work when the last daemon ended without a word.

    Raises
    ------
    LedgerError
        It cannot be used now, or is of a later version.
    """
    try:
        with ExitStack() as opened:
            ledger = Ledger(folder, roots)
            opened.callback(ledger.close)
            ledger.reclaim()
            opened.pop_all()
    except DamagedLedgerError as error:
        return begin_anew(folder, roots, error, log)
    if ledger.created:
        log("ledger.created", path=str(ledger.path))
    return ledger


def begin_anew(folder: Path, roots: Sequence[Path], error: DamagedLedgerError, log: Log) -> Ledger:
    """Begin a new ledger in place of one that is damaged; the old one is kept beside it."""
    kept = set_aside(folder)
    log("ledger.set_aside", reason=f"{error}; kept as {kept.name}, rebuilt from the folders")
    return Ledger(folder, roots)


def counts_since(ledger: Ledger, since: float) -> Mapping[str, int]:
    """Count the frames that ended since then, by state; a ledger that cannot be asked keeps nothing from starting."""
    with suppress(ArwatchError, sqlite3.Error), History(ledger.path.parent) as history:
        return {str(state): count for state, count in history.counts(since).items()}
    return {}


def dark_rim_since(ledger: Ledger, since: float) -> bool:
    """Whether the default model left dark edges since then, so that it was told; asked as `counts_since` is."""
    with suppress(ArwatchError, sqlite3.Error), History(ledger.path.parent) as history:
        return any(record.figures.dark_rim is not None for record in history.frames(since, states=("written",)))
    return False


def latest_frames(ledger: Ledger, most: int) -> list[Seen]:
    """Give the last frames since noon; a ledger that cannot be asked keeps nothing from starting."""
    with suppress(ArwatchError, sqlite3.Error), Nights(ledger.path.parent) as history:
        return latest(history, last_noon(time.time()), most)
    return []
