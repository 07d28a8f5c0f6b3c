"""When a file is complete: a state machine without I/O; the clock, stat and the file's own tables are handed in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from arwatch.errors import FrameError, IncompleteError
from arwatch.model.job import Look, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Waiting:
    """Quiet, but its tables promise more bytes; told once until the file changes."""

    path: Path
    look: Look
    needed: int
    """Bytes the file must have."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not to be processed as it is: given up as incomplete, or no raw frame at all."""

    path: Path
    look: Look
    error: FrameError


@dataclass(frozen=True, slots=True)
class Gone:
    """The file vanished before it was complete."""

    path: Path


Verdict: TypeAlias = Source | Waiting | Refused | Gone


@dataclass(frozen=True, slots=True)
class _Pending:
    look: Look | None
    """The last look; None before the first."""
    since: float
    """When this look was first seen (monotonic seconds)."""
    due: float
    """When to look again."""
    needed: int = 0
    """Bytes wanted by the tables at this look; 0 = not asked yet."""


class Settling:
    """All files that may still be growing.

    Parameters
    ----------
    settle_s : float
        A file is quiet when size and mtime did not change for so long. mtime is only compared with itself:
        the clocks of camera, share and host need not agree.
    give_up_s : float
        How long after its last change an incomplete file is waited for.
    stat : callable
        path -> Look, or None where there is no such regular file.
    needed : callable
        path, size -> length that the file's own tables promise; raises FrameError where it never can be a
        frame (`arwatch.formats.needed_length`). Asked once for each look that has become quiet.
    """

    def __init__(
        self,
        settle_s: float,
        give_up_s: float,
        stat: Callable[[Path], Look | None],
        needed: Callable[[Path, int], int],
    ) -> None:
        self.settle_s = settle_s
        self.give_up_s = give_up_s
        self._stat = stat
        self._needed = needed
        self._pending: dict[Path, _Pending] = {}
        self._due: list[tuple[float, Path]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, path: Path) -> bool:
        return path in self._pending

    def sighted(self, path: Path, now: float) -> bool:
        """Something happened to this file: it is looked at now; True where it was not among the pending ones."""
        before = self._pending.get(path)
        self._put(path, replace(before, due=now) if before else _Pending(None, now, now))
        return before is None

    def sleep(self, now: float) -> float | None:
        """Seconds until the next look is due; None: nothing pends."""
        self._drop_outdated()
        return max(0.0, self._due[0][0] - now) if self._due else None

    def advance(self, now: float) -> Iterator[Verdict | None]:
        """Look at every file that is due, one after the other; give what has become clear of each, None for nothing."""
        while True:
            self._drop_outdated()
            if not self._due or self._due[0][0] > now:
                return
            _, path = heapq.heappop(self._due)
            yield self._advance(path, self._pending.pop(path), now)

    def _advance(self, path: Path, before: _Pending, now: float) -> Verdict | None:
        """Look at a file that is due; None: it stays among the pending ones and there is nothing to tell."""
        look = self._stat(path)
        if look is None:
            return Gone(path)
        if look != before.look:
            self._put(path, _Pending(look, now, now + self.settle_s))
            return None
        quiet = before.since + self.settle_s
        if now < quiet:  # an event asked for this look
            self._put(path, replace(before, due=quiet))
            return None
        gives_up = before.since + self.give_up_s
        if before.needed and now < gives_up:  # told before, unchanged since
            self._put(path, replace(before, due=self._next(now, gives_up)))
            return None
        return self._ask_tables(path, before, look, now, gives_up)

    def _ask_tables(self, path: Path, before: _Pending, look: Look, now: float, gives_up: float) -> Verdict | None:
        """Decide about a quiet file by what its own tables promise."""
        try:
            needed = self._needed(path, look.size)
        except FrameError as error:
            return Refused(path, look, error)
        if needed <= look.size and look.size > 0:
            return Source(path, look.size, look.mtime_ns)
        if now >= gives_up:
            return Refused(path, look, IncompleteError.at(look.size, needed))
        self._put(path, replace(before, due=self._next(now, gives_up), needed=max(needed, 1)))
        return None if before.needed else Waiting(path, look, needed)

    def _next(self, now: float, gives_up: float) -> float:
        """When a stalled file is looked at again, for growth that no event tells."""
        return min(now + max(self.settle_s, 0.05), gives_up)

    def _put(self, path: Path, pending: _Pending) -> None:
        self._pending[path] = pending
        heapq.heappush(self._due, (pending.due, path))

    def _drop_outdated(self) -> None:
        while self._due:
            due, path = self._due[0]
            pending = self._pending.get(path)
            if pending is not None and pending.due == due:
                return
            heapq.heappop(self._due)
