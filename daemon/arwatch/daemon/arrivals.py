"""New and changed frames on their way into the queue: what is new to the ledger has to settle first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from arwatch.daemon import news
from arwatch.daemon.first_scan import ALL, Backlog, FirstScans
from arwatch.daemon.kept_outputs import KeptOutputs
from arwatch.daemon.settle import Gone, Refused, Verdict, Waiting
from arwatch.formats.names import is_frame
from arwatch.model.job import Source
from arwatch.output.naming import output_folder, output_root, root_of
from arwatch.process.stages import is_current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from arwatch.daemon.folders import Folders
    from arwatch.daemon.report import Report
    from arwatch.ledger.store import Entry, Ledger
    from arwatch.model.job import Look
    from arwatch.settings import Settings

LIVE_S = 600.0
"""What is so much older than the newest frame, or than this start, comes from a card, not from the camera."""


class Arrivals:
    """Decides what becomes of frames that folders' threads tell of; nothing here asks a file system.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    folders : Folders
        Is asked to look and to let frames settle.
    ledger : Ledger
        See `use`.
    given : callable
        path -> the frame as a worker was given it; None where no worker has it.
    report : Report
        Tells events.
    backlog : Backlog
        Which of the frames that are there already are left alone.
    """

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        ledger: Ledger,
        given: Callable[[Path], Entry | None],
        report: Report,
        *,
        backlog: Backlog = ALL,
    ) -> None:
        self._first_scans = FirstScans(backlog, report)
        self.ledger = ledger
        self.kept = KeptOutputs(report)
        self._folders = folders
        self._given = given
        self._report = report
        self._settling: set[Path] = set()
        self._changed_in_work: set[Path] = set()
        self._replaced_in_work: set[Path] = set()
        self._cleared: set[Path] = set()
        self._newest_ns = time.time_ns()
        self.apply(settings)

    def apply(self, settings: Settings, *, anew: bool = True) -> None:
        """Let new settings rule from now on; `anew`: the folders' first scans find again what settled."""
        self._settings = settings
        watched = () if anew else self._folders.paths
        self._settling = {path for path in self._settling if any(path.is_relative_to(root) for root in watched)}

    def use(self, ledger: Ledger) -> None:
        """Go on with another ledger: the one before broke. It has to hear of what settles, too."""
        self.ledger = ledger
        self._settling.clear()

    def __len__(self) -> int:
        """How many frames may still be growing."""
        return len(self._settling)

    def take(self, item: Any) -> None:
        """Take up a piece of news of a frame."""
        match item:
            case news.Sighted(path=path, look=look, careful=careful, replaced=replaced):
                self.sighted(path, look, careful=careful, replaced=replaced)
            case news.Vanished(path=path):
                self.vanished(path)
            case news.OutputFound(path=path, look=look, output=output):
                self.output_found(path, look, output)
            case news.Scanned(folder=folder, began=began):
                self.scanned(folder, began)
            case verdict:
                self.decided(verdict)

    def sighted(self, path: Path, found: Look, *, careful: bool = False, replaced: bool = False) -> None:
        """Take up a frame that is new or has changed; `careful`: what earlier runs did is checked, too.

        `replaced`: another file took its name with the same size and time; a worker finds out whether the content is
        another one.
        """
        if careful:
            self._clear_away(path)
        given = self._given(path)
        if given is not None:
            if replaced or found != (given.size, given.mtime_ns):
                self._changed_in_work.add(path)
            if replaced:
                self._replaced_in_work.add(path)
            return
        replaced = replaced or path in self._replaced_in_work
        self._replaced_in_work.discard(path)
        entry = self.ledger.get(path)
        if entry is not None and entry.state == "working":
            # the ledger could not be written when the outcome came
            self.ledger.put_back(path, uncounted=True)
        elif entry is not None and not replaced and self._dealt_with(entry, found, careful=careful):
            if careful and entry.state == "settled":
                self._first_scans.waits(found, self._root_of(path))
        elif not self._first_scans.leaves_alone(path, found, self._root_of(path), careful=careful):
            self._take_up(path, found, live=not careful)
            if careful:
                self._first_scans.waits(found, self._root_of(path))

    def output_found(self, path: Path, found: Look, output: Look | None) -> None:
        """Make an output again that is not there any more; keep one that was made with other settings."""
        entry = self.ledger.get(path)
        kept = False
        if self._given(path) is None and entry is not None and entry.has_output:
            there = output is not None and output.size == entry.output_size
            current = is_current(entry.recipe, self._settings)
            # one that was written since, perhaps with these settings, is asked itself: by a worker
            kept = output is not None and there and output.mtime_ns <= (entry.ended or 0.0) * 1e9
            left_alone = self._first_scans.backlog.leaves(found.mtime_ns)
            if not left_alone and (not there or not (current or kept)):
                self._take_up(path, found, live=False)
            kept = kept and not current
        self.kept.answered(path, kept=kept)
        if not len(self):
            self.kept.tell(self._folders.paths)

    def vanished(self, path: Path) -> None:
        """Take note that the file of a frame that had ended is not there; of one that settles its thread tells."""
        entry = self.ledger.get(path)
        if entry is not None and entry.ended is not None and entry.state != "gone":
            self.ledger.vanished(path)
        elif entry is not None and entry.state == "asked":
            self.ledger.gone(path)

    def returned(self, path: Path, *, live: bool) -> None:
        """Let a frame settle again that changed while a worker read it."""
        self.ledger.saw(path, live=live)
        self._let_settle(path)

    def ended(self, path: Path) -> None:
        """Look again at a frame that changed while a worker had it."""
        if path in self._changed_in_work:
            self._changed_in_work.discard(path)
            self._folders.look_at(path)

    def scanned(self, folder: Path, began: float) -> None:
        """Take note that a folder was gone through."""
        self.kept.scanned(folder, began, self._folders.paths)
        self.kept.tell(self._folders.paths)
        if self._first_scans.ended(folder):
            self._give_up_absent(folder)

    def _give_up_absent(self, folder: Path) -> None:
        """Expect no more those frames that were to be tried again before the start, but were not found in a folder."""
        if self._first_scans.backlog != ALL:  # then they may only have been left alone
            return
        for entry in list(self.ledger.entries("asked")):
            name, watch = entry.path.name, self._settings.watch
            searched = self._root_of(entry.path) == folder and (watch.recursive or entry.path.parent == folder)
            if (
                searched
                and entry.seen * 1e9 < self._first_scans.began_ns
                and is_frame(name, watch.patterns, self._settings.output.suffix)
            ):
                self.ledger.gone(entry.path)

    def decided(self, verdict: Verdict) -> None:
        """Record what has become clear of a frame that settled."""
        path = verdict.path
        if path not in self._settling and self._is_recorded(verdict):
            return  # it was sighted once more before its verdict was here, and so has settled twice
        if self._given(path) is not None:  # likewise, but it has changed since, and a worker has it as it was
            self._changed_in_work.add(path)
            return
        if not isinstance(verdict, Waiting):
            self._settling.discard(path)
        match verdict:
            case Source():
                self.ledger.settled(path, verdict.look)
                self._report.frame("frame.settled", path, size=verdict.size)
            case Waiting():
                self._report.frame("frame.waiting", path, size=verdict.look.size, needed=verdict.needed)
            case Refused(error=error, look=look):
                self.ledger.failed(path, look, error.code, str(error))
                self._report.frame("frame.failed", path, code=error.code, reason=str(error))
            case Gone():
                self.ledger.gone(path)
                self._report.frame("frame.gone", path)

    def _is_recorded(self, verdict: Verdict) -> bool:
        entry = self.ledger.get(verdict.path)
        if entry is None or entry.state == "seen":
            return False
        if isinstance(verdict, Gone):
            return entry.state == "gone"
        return entry.state != "gone" and verdict.look == (entry.size, entry.mtime_ns)

    def _take_up(self, path: Path, found: Look, *, live: bool) -> None:
        if path not in self._settling:
            self._newest_ns = max(self._newest_ns, min(found.mtime_ns, time.time_ns()))
            self.ledger.saw(path, live=live and found.mtime_ns > self._newest_ns - LIVE_S * 1e9)
            self._report.frame("frame.seen", path, size=found.size)
        self._let_settle(path)

    def _root_of(self, path: Path) -> Path:
        return root_of(path, self._folders.paths)

    def _let_settle(self, path: Path) -> None:
        self._settling.add(path)
        self._folders.settle(path)

    def _clear_away(self, path: Path) -> None:
        """Remove what a power cut left of unfinished outputs where this frame's output belongs."""
        root, output = self._root_of(path), self._settings.output
        folder = output_folder(path, root, output)
        if folder not in self._cleared:
            self._cleared.add(folder)
            self._folders.clear_away(folder, output_root(output, root))

    def _dealt_with(self, entry: Entry, found: Look, *, careful: bool) -> bool:
        if found != (entry.size, entry.mtime_ns) or entry.state in {"asked", "seen", "gone"}:
            return False
        if entry.state == "failed" and not entry.final:
            return not careful  # a disk or share that was away may be back
        if not entry.has_output:
            return True
        if entry.output is None:
            return False  # a damaged record: a worker looks for the output
        # outputs may be moved away while we run; at a start they must be there
        if (careful or self._is_to_be_asked(entry)) and self._folders.looks_at(entry.output):
            self.kept.asked(entry.path)
            self._folders.look_for_output(entry.path, found, entry.output)
        return True

    def _is_to_be_asked(self, entry: Entry) -> bool:
        may_be_kept = self.kept.counting and not is_current(entry.recipe, self._settings)
        return may_be_kept or self.kept.is_asked(entry.path)
