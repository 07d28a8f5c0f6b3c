"""Frames that are there already when watching begins: which of them are left alone, and how many wait."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.work.disk import FIRST_GUESS

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.daemon.report import Report
    from arwatch.model.job import Look


@dataclass(frozen=True, slots=True)
class Backlog:
    """Which of the frames that are there already are left alone."""

    since_ns: int = 0
    """Those that are older than this (their own time, since 1970)."""
    new_only: bool = False
    """All that are there when a folder is scanned for the first time."""

    def leaves(self, mtime_ns: int | None) -> bool:
        """Whether a frame of an earlier run's queue is left alone."""
        return self.new_only or (mtime_ns or 0) < self.since_ns


ALL = Backlog()
"""None is left alone."""


@dataclass(slots=True)
class _Count:
    """Frames of a folder's first scan."""

    waiting: int = 0
    size: int = 0
    """Bytes of these."""
    left_alone: int = 0


class FirstScans:
    """The first scan of each folder since the start.

    Parameters
    ----------
    backlog : Backlog
        Which frames are left alone.
    report : Report
        Tells events.
    """

    def __init__(self, backlog: Backlog, report: Report) -> None:
        self.backlog = backlog
        self.began_ns = time.time_ns()
        """When arwatch began, since 1970."""
        self._report = report
        self._left_alone: dict[Path, Look] = {}
        self._counts: defaultdict[Path, _Count] = defaultdict(_Count)
        self._ended: set[Path] = set()

    def waits(self, found: Look, root: Path) -> None:
        """Take note that a frame waits."""
        self._counts[root].waiting += 1
        self._counts[root].size += found.size

    def leaves_alone(self, path: Path, found: Look, root: Path, *, careful: bool) -> bool:
        """Whether a frame was there before and was not to be taken up; if it changes it is another frame."""
        first = careful and root not in self._ended
        if self.backlog.new_only and first and found.mtime_ns < self.began_ns:
            self._left_alone[path] = found
        old = found.mtime_ns < self.backlog.since_ns or self._left_alone.get(path) == found
        self._counts[root].left_alone += old and first
        return old

    def ended(self, folder: Path) -> bool:
        """Tell how many frames of a folder wait, and how much room their outputs take; only at its first scan's end.

        Returns
        -------
        bool
            Whether this was the first one.
        """
        if folder in self._ended:
            return False
        self._ended.add(folder)
        count = self._counts.pop(folder, _Count())
        if count.waiting or count.left_alone:
            gib = FIRST_GUESS * count.size / 2**30
            gib = round(gib, 1 if gib >= 1 else 2)
            left = {"left_alone": count.left_alone} if self.backlog != ALL else {}
            facts = {"waiting": count.waiting, "outputs_gib_at_most": gib, **left}
            self._report.log("watch.scanned", folder=str(folder), **facts)
        return True
