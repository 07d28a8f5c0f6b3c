"""The watched folders in the loop: which came or went, what was noticed in them, scans when they are due."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from arwatch.daemon import lease
from arwatch.daemon.watch import Watcher
from arwatch.output.publish import remove_stale
from arwatch.platform.fs import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arwatch.daemon.arrivals import Arrivals
    from arwatch.model.job import Look
    from arwatch.settings import Settings
    from arwatch.telling.log import Log

CHECK_S = 3.0
"""How often folders are looked for that came or went."""
SLICE_S = 0.2
"""How long frames are taken up in one go."""


class Folders:
    """The folders that the settings name, each with its lease.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    wake : callable
        Called from other threads when there is something to do.

    Raises
    ------
    LeaseError
        Another daemon watches one of them.
    """

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._settings = settings
        self._watcher = self._watch()
        self._check_due = self._scan_due = 0.0
        self._scan: Iterator[tuple[Path, Look]] | None = None
        self._starting = True

    def claim(self) -> None:
        """Take the folders' leases.

        Raises
        ------
        LeaseError
            Another daemon watches one of them.
        """
        for folder in self.paths:
            _claim(folder)

    @property
    def paths(self) -> list[Path]:
        """The folders, absolute."""
        return self._watcher.folders

    def apply(self, settings: Settings) -> None:
        """Watch what these settings name instead."""
        old, self._settings = self._settings, settings
        if (settings.watch, settings.output.suffix) == (old.watch, old.output.suffix):
            return
        before = self.paths
        self._watcher.close()
        self._watcher = self._watch()
        for folder in set(before).difference(self.paths):
            lease.release(folder)
        self._scan, self._scan_due = None, 0.0

    def scan_soon(self) -> None:
        """Scan as if it were time: something was missed."""
        self._scan_due = 0.0

    def scan_anew(self) -> None:
        """Go over all frames from the first one on: what they are held against has changed."""
        self._scan, self._scan_due = None, 0.0

    def close(self) -> None:
        """Stop watching and give the leases back."""
        self._watcher.close()
        for folder in self.paths:
            lease.release(folder)

    def sleep(self, now: float) -> float:
        """Seconds until something is due here."""
        return 0.0 if self._scan else max(0.0, min(self._check_due, self._scan_due) - now)

    def look_around(self, arrivals: Arrivals, log: Log) -> None:
        """Notice folders that come and go, take up what was noticed in them, scan when it is time."""
        now = time.monotonic()
        scan_is_due = self._scan is None and now >= self._scan_due
        if scan_is_due or now >= self._check_due:
            self._check_due = now + CHECK_S
            for change in self._watcher.check(renew=scan_is_due):
                facts = {"reason" if change.what == "lost" else "how": change.how}
                log(f"watch.{change.what}", folder=str(change.folder), **facts)
                if change.what != "lost":
                    remove_stale(change.folder)  # it may be back from a power cut of its own
        sightings = self._watcher.take()
        if sightings.lost:
            log("watch.overflowed")
        for path in sightings.frames:
            if (found := look(path)) is not None:
                arrivals.sighted(path, found)
        if scan_is_due or (sightings.scan and self._scan is None):
            self._scan_due = now + self._settings.watch.rescan_s
            self._scan = self._watcher.scan()
        elif sightings.scan:
            self._scan_due = now  # once more when this one is through
        self._go_on_scanning(arrivals, now + SLICE_S)

    def _go_on_scanning(self, arrivals: Arrivals, until: float) -> None:
        """Take up what a scan finds; thousands of frames are taken up in slices, work and signals between them."""
        for path, found in self._scan or ():
            if self._starting:
                arrivals.clear_away(path)
            arrivals.sighted(path, found, starting=self._starting)
            if time.monotonic() > until:
                return
        if self._scan is not None:
            self._scan, self._starting = None, False
            arrivals.scanned()

    def _watch(self) -> Watcher:
        watch, suffix = self._settings.watch, self._settings.output.suffix
        return Watcher(watch, suffix, wake=self._wake, claim=_claim)


def _claim(folder: Path) -> None:
    """Take or renew a folder's lease; where it cannot be written, nobody can quarrel over outputs there."""
    with suppress(OSError):
        lease.acquire(folder)
