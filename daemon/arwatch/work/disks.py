"""The disks that outputs go to: which of them are too full to begin another output, and when that changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from arwatch.output.naming import output_root, root_of
from arwatch.work.disk import Room
from arwatch.work.happenings import RoomAgain, RoomForecast, RoomLow

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from arwatch.model.job import Job
    from arwatch.settings import Settings
    from arwatch.work.disk import Free


class Rooms:
    """A `Room` for each folder that outputs go to.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    roots : sequence of Path
        The folders that frames are found under.
    free : callable
        folder -> what can still be written there.
    """

    def __init__(self, settings: Settings, roots: Sequence[Path], free: Callable[[Path], Free]) -> None:
        self._free = free
        self._rooms: dict[Path, Room] = {}
        self.apply(settings, roots)

    def apply(self, settings: Settings, roots: Sequence[Path]) -> None:
        """Let new settings rule from the next frame on."""
        self._settings, self._roots = settings, tuple(roots)
        for room in self._rooms.values():
            room.settings = settings.disk

    @property
    def paused(self) -> bool:
        """Whether frames wait for room on a disk."""
        return any(room.paused for room in self._rooms.values())

    def folder_of(self, path: Path) -> Path:
        """Give the folder that the output of a frame goes to or below."""
        return output_root(self._settings.output, root_of(path, self._roots))

    def open_roots(self) -> list[Path]:
        """Give the roots whose outputs' disk is not too full."""
        return [root for root in self._roots if not self._room_of(self._folder_of_root(root)).paused]

    def admit(self, job: Job, in_work: list[int]) -> Generator[RoomLow | RoomForecast, None, bool]:
        """Ask whether a job may begin; tell when its disk is too full or will soon be.

        Parameters
        ----------
        job : Job
            The job.
        in_work : list of int
            Bytes of the frames in work whose outputs go to the same folder.
        """
        folder, room = job.root, self._room_of(job.root)
        free, sizes = self._free(job.output.parent), [*in_work, job.source.size]
        if not room.has_room(free, sizes, time.monotonic()):
            yield from self._pause(folder, free, sizes)
            return False
        if (hours := room.forecast(free.bytes)) is not None:
            yield RoomForecast(folder, free.bytes, hours)
        return True

    def refused(self, job: Job, reason: str) -> Iterator[RoomLow]:
        """Take note that a job found no room though some was foreseen; `reason`: the system's word."""
        room = self._room_of(job.root)
        room.refused(time.monotonic())
        yield from self._pause(job.root, self._free(job.root), [job.source.size], reason)

    def wrote(self, job: Job, output_size: int) -> None:
        """Learn from an output how large the next ones will be, and how fast they come."""
        self._room_of(job.root).wrote(job.source.size, output_size, job.source.mtime_ns / 1e9)

    def ask_again(
        self, waits: Callable[[list[Path]], int | None], in_work: Callable[[Path], list[int]]
    ) -> Iterator[RoomAgain]:
        """Open the rooms that are wide enough again for what waits for them, or for which nothing waits.

        Parameters
        ----------
        waits : callable
            roots -> bytes of the next frame that waits below them; None: none does.
        in_work : callable
            folder -> bytes of the frames in work whose outputs go there.
        """
        for folder, room in self._rooms.items():
            if not room.paused:
                continue
            size = waits([root for root in self._roots if self._folder_of_root(root) == folder])
            free = self._free(folder)
            if size is None or room.has_room(free, [*in_work(folder), size], time.monotonic()):
                room.paused = False
                yield RoomAgain(folder, free.bytes)

    def _folder_of_root(self, root: Path) -> Path:
        return output_root(self._settings.output, root)

    def _room_of(self, folder: Path) -> Room:
        if folder not in self._rooms:
            self._rooms[folder] = Room(self._settings.disk)
        return self._rooms[folder]

    def _pause(self, folder: Path, free: Free, sizes: list[int], refused: str | None = None) -> Iterator[RoomLow]:
        room = self._room_of(folder)
        if not room.paused:
            room.paused = True
            yield RoomLow(folder, free, room.wanted(sizes), refused)
