"""Whether there is room for the next output, and when there will be none."""

from __future__ import annotations

import shutil
import sys
from collections import deque
from pathlib import Path
from typing import NamedTuple

from arwatch.platform.fs import files_left
from arwatch.settings import Disk

MIB = 1 << 20
FIRST_GUESS = 4.0
"""Bytes of output for a byte of source until one was written: float32 from the tightest raw storage."""
RECENT = 20
"""Frames that the rate is taken from at least."""
SPELL_S = 600.0
"""Seconds that the rate is taken over at least: a burst, or a card that was copied, says little about hours to come."""
MOST = 2000
"""Frames that are remembered for the rate."""
LONGEST_WAIT_S = 300.0


class Free(NamedTuple):
    """Room on a file system."""

    bytes: int
    files: int
    """How many more files it can hold (inodes), whatever their size."""


UNKNOWN = Free(sys.maxsize, sys.maxsize)
"""The file system was not asked yet, or does not answer: the attempt to write tells what is wrong."""


class Room:
    """What is known of the room on one disk. The clock (monotonic seconds) and the free bytes are handed in."""

    def __init__(self, settings: Disk) -> None:
        self.settings = settings
        self._ratio = FIRST_GUESS
        self._recent: deque[tuple[float, int]] = deque(maxlen=MOST)
        self._refused = 0
        self._not_before = 0.0
        self.paused = False
        self.warned = False

    def wanted(self, source_sizes: list[int]) -> Free:
        """What must be free for the outputs of these frames (sizes in bytes) to be begun."""
        size = self.settings.min_free_mib * MIB + int(self._ratio * sum(source_sizes))
        return Free(size, files=len(source_sizes))

    def has_room(self, free: Free, source_sizes: list[int], now: float) -> bool:
        """Whether the last of these frames may be begun; the others are in work already."""
        wanted = self.wanted(source_sizes)
        return now >= self._not_before and free.bytes >= wanted.bytes and free.files >= wanted.files

    def wrote(self, source_size: int, output_size: int, taken_s: float) -> None:
        """Learn from an output; when its frame came (any clock's seconds) says how fast the disk fills this night."""
        self._ratio = output_size / max(source_size, 1)
        self._recent.append((taken_s, output_size))
        while len(self._recent) > RECENT and self._spell() > SPELL_S:
            self._recent.popleft()
        self._refused = 0

    def refused(self, now: float) -> None:
        """A write failed for lack of room that was not foreseen (a quota, another program): wait, ever longer."""
        self._not_before = now + min(5.0 * 2 ** min(self._refused, 10), LONGEST_WAIT_S)
        self._refused += 1

    def hours_left(self, free: int) -> float | None:
        """Hours until the disk is low at the rate at which the last frames came; None: too little is known.

        Thirty frames that came within a second are the rate of ten minutes with thirty frames, not that of a second.
        """
        written = sum(size for _, size in list(self._recent)[1:])
        if len(self._recent) < RECENT // 4 or written <= 0:
            return None
        rate = written / max(self._spell(), SPELL_S)
        return max(0.0, free - self.settings.min_free_mib * MIB) / rate / 3600

    def _spell(self) -> float:
        """Seconds between the first and the last of the frames that are remembered."""
        times = [taken for taken, _ in self._recent]
        return max(times) - min(times)

    def forecast(self, free: int) -> float | None:
        """Hours left where that is little and was not told yet; told again only after it was well again."""
        hours = self.hours_left(free)
        low = hours is not None and hours < self.settings.warn_h
        still_low = hours is not None and hours < 2 * self.settings.warn_h
        told, self.warned = self.warned, low or (self.warned and still_low)
        return hours if low and not told else None


def free_room(folder: Path) -> Free:
    """What this user can still write on the file system of a folder (or of its nearest ancestor)."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        files = files_left(folder)
        return Free(shutil.disk_usage(folder).free, UNKNOWN.files if files is None else files)
    except OSError:
        return UNKNOWN
