"""The history by the time of the exposures: what a night's readers ask for, each found by an index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.ledger.columns import HISTORY
from arwatch.ledger.history import History
from arwatch.ledger.records import Record, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PAGE = 1000
"""Rows that are read at a time."""


class Nights(History):
    """What became of frames, for those who ask by night; errors are those of `History`."""

    def taken(self, begin: str, end: str) -> Iterator[Record]:
        """Give the ended lives of frames exposed from `begin` to before `end`, in the order of their exposures.

        Parameters
        ----------
        begin, end : str
            Beginnings of times in ISO 8601, compared as texts with `Record.taken`: `2026-11-21`.
        """
        last: tuple[str | None, int] = (begin, -1)
        while rows := self._rows(_TAKEN, (*last, end)):
            for row in rows:
                record = read_record(row)
                last = (record.taken, record.number)
                yield record

    def undated(self, since: float, until: float) -> Iterator[Record]:
        """Give the lives of frames without a time of exposure (such as failed ones), by when they were recorded."""
        last, number = since, -1
        while rows := self._rows(_UNDATED, (last, number, until)):
            for row in rows:
                record = read_record(row)
                last, number = record.recorded, record.number
                yield record

    def last_taken(self) -> str | None:
        """Give the time of the latest exposure; None: no frame has one."""
        ((taken,),) = self._rows("SELECT max(taken) FROM history")
        return taken if type(taken) is str else None

    def days(self) -> list[str]:
        """Give the days, such as `2026-11-21`, on which frames were exposed; the earliest one first."""
        days: list[str] = []
        # from day to day by the index, not through all frames
        while (day := self._first_day_from(f"{days[-1]}~" if days else "")) is not None:
            days.append(day)
        return days

    def sightings(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Give what was measured beside the figures (`arwatch.stars.sighting.Sighting`), by the numbers of records."""
        return self._bytes("SELECT number, sighting FROM sightings", numbers)

    def outputs(self, numbers: Iterable[int]) -> dict[int, Path]:
        """Give where outputs lie, by the numbers of records."""
        found = self._bytes("SELECT number, output FROM history", numbers)
        return {number: Path(os.fsdecode(output)) for number, output in found.items()}

    def _bytes(self, select: str, numbers: Iterable[int]) -> dict[int, bytes]:
        wanted, found = list(numbers), {}
        for first in range(0, len(wanted), _PAGE):
            some = wanted[first : first + _PAGE]
            rows = self._rows(f"{select} WHERE number IN ({','.join('?' * len(some))})", some)
            found.update({number: value for number, value in rows if type(value) is bytes})
        return found

    def _first_day_from(self, begin: str) -> str | None:
        rows = self._rows("SELECT substr(taken, 1, 10) FROM history WHERE taken > ? ORDER BY taken LIMIT 1", (begin,))
        return str(rows[0][0]) if rows else None


_COLUMNS = ", ".join(HISTORY)
_TAKEN = (
    f"SELECT {_COLUMNS} FROM history INDEXED BY history_taken WHERE (taken, number) > (?, ?) AND taken < ?"
    f" ORDER BY taken, number LIMIT {_PAGE}"
)
_UNDATED = (
    f"SELECT {_COLUMNS} FROM history INDEXED BY history_recorded WHERE (recorded, number) > (?, ?) AND recorded < ?"
    f" AND taken IS NULL ORDER BY recorded, number LIMIT {_PAGE}"
)
