"""The history for notebooks: nights by their days, each as frozen values and as an astropy table with units."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.ledger.nights import Nights
from arwatch.ledger.seen import frames_of
from arwatch.model.figures import KINDS, MEANINGS
from arwatch.night.conditions import judge
from arwatch.night.nights import clock_time

if TYPE_CHECKING:
    from astropy.table import Table

    from arwatch.night.causes import Cause, Condition
    from arwatch.night.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOfFrames:
    """A night that is in the history."""

    day: date
    """On whose evening it began."""
    frames: tuple[Seen, ...]
    """In the order of their exposures."""
    causes: tuple[Cause, ...]
    """What each frame was exposed under."""
    conditions: tuple[Condition, ...]

    def table(self) -> Table:
        """Give a row a frame and a column a figure, with units; what is unknown is masked."""
        from astropy.table import MaskedColumn, Table  # noqa: PLC0415 -- for those who ask

        columns = {
            "frame": [frame.path.name for frame in self.frames],
            "when": [
                clock_time(frame.when, on_camera_clock=frame.on_camera_clock).isoformat(timespec="milliseconds")
                for frame in self.frames
            ],
            "cause": [cause.value for cause in self.causes],
        }
        table = Table(columns, meta={"night": str(self.day)})
        for name, meaning in MEANINGS.items():
            values = [getattr(frame.figures, name) for frame in self.frames]
            kind = float if float in KINDS[name] else int if int in KINDS[name] else str
            table[name] = MaskedColumn(
                [kind() if value is None else value for value in values],
                mask=[value is None for value in values],
                dtype=kind,
                unit=meaning.unit or None,
                description=meaning.text,
            )
        return table


class NightsOfFrames(Mapping[date, NightOfFrames]):
    """Days -> the nights that began on their evenings; each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, day: date) -> NightOfFrames:
        """Read a night."""
        with Nights(self._folder) as history:
            frames = frames_of(history, day)
        if not frames:
            raise KeyError(day)
        night = judge(frames)
        return NightOfFrames(day=day, frames=night.frames, causes=night.causes, conditions=night.conditions)

    def __iter__(self) -> Iterator[date]:
        """Give the days, the first one first."""
        with Nights(self._folder) as history:
            days = [date.fromisoformat(day) for day in history.days()]
            wanted = sorted({day - timedelta(days=back) for day in days for back in (0, 1)})
            yield from [day for day in wanted if frames_of(history, day)]

    def __len__(self) -> int:
        """Count the nights."""
        return sum(1 for _ in self)


def nights(state_folder: str | os.PathLike[str]) -> NightsOfFrames:
    """Read the history that a daemon or `arwatch process` wrote, while it may be written.

    Parameters
    ----------
    state_folder
        With the ledger: `~/.local/state/arwatch`, of the system's service `/var/lib/arwatch`.

    Returns
    -------
    mapping
        The day on whose evening a night began (`datetime.date`) -> its frames, conditions and table.

    Raises
    ------
    LedgerError
        When it is read: there is no ledger, or it may not be read.

    Examples
    --------
    >>> nights("~/.local/state/arwatch")[date(2026, 11, 21)].table()["green_fwhm_px"].quantity  # doctest: +SKIP
    """
    return NightsOfFrames(Path(state_folder).expanduser())
