"""A watched folder: its lease, its events, its scans, and its files until they are complete, in a thread of its own."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from arwatch.daemon import lease
from arwatch.daemon.folder_thread import FolderThread, _ignore
from arwatch.daemon.news import Present, Scanned, Sighted, Unwatched, Vanished
from arwatch.daemon.noticed import Noticed
from arwatch.daemon.replaced import Replaced
from arwatch.daemon.settle import Settling
from arwatch.daemon.watch import Observation, limit_reached
from arwatch.errors import ArwatchError
from arwatch.formats import length_of
from arwatch.formats.names import is_frame
from arwatch.output.publish import remove_stale
from arwatch.platform.fs import Below, count_below_in_steps, look, scan_in_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arwatch.daemon.folder_thread import Identity
    from arwatch.model.job import Look
    from arwatch.settings import Watch

STEPS = 50
"""Files that are looked at in a scan, or while they settle, before other things have their turn."""
LEASE_S = 60.0
"""How often the lease is renewed; others believe in one for five times as long."""


class WatchedFolder(FolderThread):
    """A folder whose frames are to be processed.

    Parameters
    ----------
    path : Path
        The folder, absolute.
    settings : Watch
        The settings' section.
    suffix : str
        Of arwatch's own outputs, which never are frames.
    post : callable
        Takes what the loop should know: `Present`, `Missing`, `Sighted`, `Vanished`, `Scanned`, `Unwatched`,
        verdicts of `Settling`.
    holder : int
        The daemon's process id, which the lease names.
    """

    def __init__(
        self, path: Path, settings: Watch, suffix: str, post: Callable[[object], None], *, holder: int
    ) -> None:
        super().__init__(path, post)
        self._settings = settings
        self._suffix = suffix
        self._settling = Settling(settings.settle_s, settings.give_up_s, look, length_of)
        self._replaced = Replaced()
        self._noticed = Noticed()
        self._observation: Observation | None = None
        self._scan: Iterator[tuple[Path, Look] | None] | None = None
        self._scan_due = 0.0
        self._count: Iterator[Below] | None = None
        self._below: Below | None = None
        self._careful = True
        self._lease_due = 0.0
        self._doubt = False
        self._holder = holder

    # -- what the loop calls -----------------------------------------------------------------------------------

    def settle(self, path: Path) -> None:
        """Find out when a frame is complete."""
        self.do(lambda: _ignore(self._settling.sighted(path, time.monotonic())))

    def look_at(self, path: Path) -> None:
        """Look whether a frame is there and how."""
        self.do(lambda: self._look_at(path))

    def scan_soon(self, *, careful: bool = False) -> None:
        """Go through the folder now; once more where that is being done already."""
        self.do(lambda: self._scan_soon(careful=careful))

    def observe_anew(self) -> None:
        """Do not trust the observation: it may have missed something, or have died."""
        self.do(self._observe_anew)

    def __len__(self) -> int:
        """How many frames may still be growing."""
        return len(self._settling)

    # -- the thread --------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        super()._turn()
        with self._something:
            noticed = self._noticed.take(STEPS, time.monotonic())
            if self._noticed.overflowed:
                self._noticed.overflowed = False
                self._scan_soon(careful=False)
        for path in noticed:
            self._look_at(path)
            self._answered()
        if self._identity is None:
            return
        if self._scan is None and time.monotonic() >= self._scan_due:
            self._begin_scan()
        self._go_on_scanning()
        self._go_on_counting()
        self._go_on_settling()

    def _nap(self, now: float) -> float:
        if self._scan is not None or self._count is not None or self._noticed.overflowed:
            return 0.0
        naps = [super()._nap(now)]
        if (noticed := self._noticed.sleep(now)) is not None:
            naps.append(noticed)
        if self._identity is not None:
            naps.append(self._scan_due - now)
            if (settling := self._settling.sleep(now)) is not None:
                naps.append(settling)
        return max(0.0, min(naps))

    def _leave(self) -> None:
        self._let_go()
        lease.release(self.path, self._holder)

    def _let_go(self) -> None:
        if self._observation is not None:
            self._observation.stop()
            self._observation = None

    def _arrive(self, identity: Identity) -> None:
        """Observe the folder where it is new, or where its observation is in doubt."""
        if self._observation is not None and (
            identity != self._identity or self._doubt or not self._observation.alive()
        ):
            self._let_go()
        self._doubt = False
        if time.monotonic() >= self._lease_due or identity != self._identity:
            if not self._claim():
                return
            self._lease_due = time.monotonic() + LEASE_S
        if self._observation is not None:
            return
        try:
            self._observation = self._observe()
        except (OSError, RuntimeError) as error:  # RuntimeError: no room for a thread
            self._lose(limit_reached(error))
            return
        self._scan_soon(careful=identity != self._identity)
        if identity != self._identity:
            remove_stale(self.path)  # it may be back from a power cut of its own
            self._identity, self._told_missing = identity, None
            self._post(Present(self.path, self._observation.how))

    def _disk_is_away(self) -> bool:
        return False  # an empty folder where a disk belongs does no harm: frames are only read

    def _claim(self) -> bool:
        """Take or renew the lease; where it cannot be written, nobody can quarrel over outputs there."""
        try:
            with suppress(OSError):
                lease.acquire(self.path, self._holder)
        except ArwatchError as error:
            self._lose(str(error), leased=True)
            return False
        return True

    def _check_writable(self) -> None:
        before = self._told_unwritable
        super()._check_writable()
        if before is not None and self._told_unwritable is None:
            self._lease_due = 0.0  # now it can be written

    def _lose(self, why: str, *, leased: bool = False) -> None:
        self._let_go()
        self._scan = self._count = None
        super()._lose(why, leased=leased)

    def _observe(self) -> Observation:
        watch = self._settings
        return Observation(
            self.path, watch.observer, recursive=watch.recursive, wanted=self._is_frame, noticed=self._on_event
        )

    def _on_event(self, path: Path | None) -> None:
        """Take note of what an observer's thread tells."""
        with self._something:
            if path is None:
                self._tasks.append(lambda: self._scan_soon(careful=False))
            elif not self._noticed.note(path, time.monotonic()):
                return
            self._something.notify()

    def _is_frame(self, name: str) -> bool:
        return is_frame(name, self._settings.patterns, self._suffix)

    # -- scans and settling ------------------------------------------------------------------------------------

    def _look_at(self, path: Path) -> None:
        if (found := self._replaced.look(path)) is not None:
            self._post(Sighted(path, found, careful=False, replaced=self._replaced.take(path)))
        elif self._replaced.has_gone(path):
            self._post(Vanished(path))

    def _scan_soon(self, *, careful: bool) -> None:
        self._careful = self._careful or careful
        self._scan_due = 0.0

    def _observe_anew(self) -> None:
        self._doubt = True
        self._check()

    def _begin_scan(self) -> None:
        if self._observation is not None and self._observation.can_die_silently() and not self._careful:
            self._observe_anew()
            if self._identity is None:
                return
        self._scan_due = time.monotonic() + self._settings.rescan_s
        self._replaced.begin_scan()
        recursive = self._settings.recursive
        self._scan = scan_in_steps(self.path, self._is_frame, recursive=recursive, look=self._replaced.look)
        self._scan_is_careful, self._careful = self._careful, False
        self._scan_began = time.monotonic()

    def _go_on_scanning(self) -> None:
        for _ in range(STEPS if self._scan is not None else 0):
            assert self._scan is not None  # noqa: S101 -- for the type checker
            try:
                found = next(self._scan)
            except StopIteration:
                self._scan = None
                for path in filter(self._replaced.has_gone, self._replaced.missed()):
                    self._post(Vanished(path))
                self._post(Scanned(self.path, self._scan_is_careful, self._scan_began))
                if not self._settings.recursive and self._below is None:
                    self._count = count_below_in_steps(self.path, self._is_frame)
                return
            self._answered()
            if found is not None:
                replaced = self._replaced.take(found[0])
                self._post(Sighted(*found, careful=self._scan_is_careful, replaced=replaced))

    def _go_on_counting(self) -> None:
        """Find out, once, whether frames lie in subfolders that are not watched."""
        for _ in range(STEPS if self._count is not None else 0):
            assert self._count is not None  # noqa: S101 -- for the type checker
            try:
                self._below = next(self._count)
            except StopIteration:
                self._count, self._below = None, self._below or Below()
                if self._below.frames:
                    self._post(Unwatched(self.path, self._below))
                return
            self._answered()

    def _go_on_settling(self) -> None:
        for _, verdict in zip(range(STEPS), self._settling.advance(time.monotonic()), strict=False):
            self._answered()
            if verdict is not None:
                self._post(verdict)
