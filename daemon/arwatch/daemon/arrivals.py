"""New and changed frames on their way into the queue: what is new to the ledger has to settle first."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from arwatch.daemon.settle import Gone, Refused, Settling, Waiting
from arwatch.formats import needed_length
from arwatch.model.job import Source
from arwatch.output.naming import output_folder, root_of
from arwatch.output.publish import remove_stale
from arwatch.platform.fs import look
from arwatch.process.stages import is_current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from arwatch.daemon.report import Report
    from arwatch.ledger.store import Entry, Ledger
    from arwatch.model.job import Look
    from arwatch.settings import Settings

LIVE_S = 600.0
"""What is so much older than the newest frame, or than this start, comes from a card, not from the camera."""


class Arrivals:
    """Frames that were noticed and are not in the queue yet.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    roots : sequence of Path
        The watched folders.
    ledger : Ledger
        May be exchanged when it broke.
    given : callable
        path -> the frame as a worker was given it; None where no worker has it.
    report : Report
        Tells events.
    """

    def __init__(
        self,
        settings: Settings,
        roots: Sequence[Path],
        ledger: Ledger,
        given: Callable[[Path], Entry | None],
        report: Report,
    ) -> None:
        self.ledger = ledger
        self._report = report
        self._given = given
        self._changed_in_work: set[Path] = set()
        self._cleared: set[Path] = set()
        self._settling = Settling(settings.watch.settle_s, settings.watch.give_up_s, look, _needed_length)
        self._newest_ns = time.time_ns()
        self.apply(settings, roots)

    def apply(self, settings: Settings, roots: Sequence[Path]) -> None:
        """Let new settings rule from now on."""
        self._settings, self._roots = settings, tuple(roots)
        self._settling.settle_s, self._settling.give_up_s = settings.watch.settle_s, settings.watch.give_up_s

    def __len__(self) -> int:
        """How many frames may still be growing."""
        return len(self._settling)

    def sleep(self, now: float) -> float | None:
        """Seconds until a frame has to be looked at again; None: none has."""
        return self._settling.sleep(now)

    def sighted(self, path: Path, found: Look, *, starting: bool = False) -> None:
        """Take up a frame that is new or has changed; `starting`: what earlier runs did is checked, too."""
        given = self._given(path)
        if given is not None:
            if found != (given.size, given.mtime_ns):
                self._changed_in_work.add(path)
            return
        entry = self.ledger.get(path)
        if entry is not None and entry.state == "working":
            # the ledger could not be written when the outcome came
            self.ledger.put_back(path, uncounted=True)
        elif entry is None or not self._dealt_with(entry, found, starting=starting):
            if path in self._settling:
                self._settling.sighted(path, time.monotonic())
                return
            self._newest_ns = max(self._newest_ns, min(found.mtime_ns, time.time_ns()))
            live = not starting and found.mtime_ns > self._newest_ns - LIVE_S * 1e9
            self.ledger.saw(path, live=live)
            self._settling.sighted(path, time.monotonic())
            self._report.frame("frame.seen", path, size=found.size)

    def returned(self, path: Path, *, live: bool) -> None:
        """Let a frame settle again that changed while a worker read it."""
        self.ledger.saw(path, live=live)
        self._settling.sighted(path, time.monotonic())

    def ended(self, path: Path) -> None:
        """Look again at a frame that changed while a worker had it."""
        if path in self._changed_in_work:
            self._changed_in_work.discard(path)
            if (found := look(path)) is not None:
                self.sighted(path, found)

    def clear_away(self, path: Path) -> None:
        """Remove what a power cut left of unfinished outputs where this frame's output belongs."""
        folder = output_folder(path, root_of(path, self._roots), self._settings.output)
        if folder not in self._cleared:
            self._cleared.add(folder)
            remove_stale(folder)

    def settle(self, until: float) -> None:
        """Find out which frames are complete; not longer than until then (monotonic seconds)."""
        for verdict in self._settling.advance(time.monotonic()):
            path = verdict.path
            if isinstance(verdict, Source):
                self.ledger.settled(path, verdict.look)
                self._report.frame("frame.settled", path, size=verdict.size)
            elif isinstance(verdict, Waiting):
                self._report.frame("frame.waiting", path, size=verdict.look.size, needed=verdict.needed)
            elif isinstance(verdict, Refused):
                code, reason = verdict.error.code, str(verdict.error)
                self.ledger.failed(path, verdict.look, code, reason)
                self._report.frame("frame.failed", path, code=code, reason=reason)
            elif isinstance(verdict, Gone):
                self.ledger.gone(path)
                self._report.frame("frame.gone", path)
            if time.monotonic() > until:
                return

    def _dealt_with(self, entry: Entry, found: Look, *, starting: bool) -> bool:
        if found != (entry.size, entry.mtime_ns) or entry.state in {"asked", "seen", "gone"}:
            return False
        if entry.state == "failed" and not entry.final:
            return not starting  # a disk or share that was away may be back
        if entry.state in {"written", "skipped"} and starting:
            # outputs may be moved away while we run; at a start they must be there, made with these settings
            output = look(entry.output) if entry.output else None
            return is_current(entry.recipe, self._settings) and output is not None and output.size == entry.output_size
        return True


def _needed_length(path: Path, size: int) -> int:
    """Ask a file's own tables; where it cannot be read, the worker finds out why and tries again."""
    try:
        # a pipe that took its place must not keep us
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return needed_length(file, size)
    except OSError:
        return size
