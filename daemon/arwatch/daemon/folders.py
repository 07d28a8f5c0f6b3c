"""The folders in the loop: what their threads tell becomes events and arrivals; which of them can be worked on now."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arwatch.daemon.folder import Scanned, Sighted, Unwatched, Vanished
from arwatch.daemon.lease import LeaseError
from arwatch.daemon.looker import STATE_S, Ask, EventsLost, Leave, LookAt, Looker, ObserverDied, Order, State
from arwatch.daemon.place import Broke, Missing, OutputFound, Present, Writable
from arwatch.daemon.settle import Gone, Refused, Waiting
from arwatch.daemon.trouble import Trouble
from arwatch.model.job import Source
from arwatch.output.naming import output_root, root_of
from arwatch.work.room import UNKNOWN, Free

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from arwatch.daemon.arrivals import Arrivals
    from arwatch.daemon.report import Report
    from arwatch.model.job import Look
    from arwatch.settings import Settings

STALLED_S = 10.0
"""A file system that has not answered for so long is told as stalled."""
BEGIN_S = 3.0
"""How long the start waits for the folders' first word."""
HELD_S = 0.5
"""How long the end waits for the process that looks where a file system holds it."""
LOOK_ANEW_S = 0.2
"""How soon it is tried again to replace the process that looks."""
SLICE_S = 0.2
"""How long news are taken up in one go."""


class Folders:
    """The watched folders and the folder for outputs, as the loop knows them.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looker: Looker | None = None
        self._early: deque[Any] = deque()
        self._watched: dict[Path, None] = {}
        self._outputs: set[Path] = set()
        self._states: dict[Path, State] = {}
        self._trouble = Trouble()

    # -- beginning and end -------------------------------------------------------------------------------------

    @property
    def paths(self) -> list[Path]:
        """The watched folders, absolute."""
        return list(self._watched)

    def begin(self) -> None:
        """Start the process that looks, and wait a moment for its first word of each folder.

        Raises
        ------
        LeaseError
            Another daemon watches one of the folders.
        """
        self._looker = Looker()
        self.apply(self._settings)
        told: set[Path] = set()
        deadline = time.monotonic() + BEGIN_S
        while told < self._watched.keys() and self._looker.pipe.poll(max(0.0, deadline - time.monotonic())):
            news = self._looker.news()
            self._early.append(news)
            if isinstance(news, Missing) and news.leased:
                raise LeaseError(news.why)
            if isinstance(news, Present | Missing):
                told.add(news.folder)

    def apply(self, settings: Settings) -> bool:
        """Watch what these settings name; gives whether watching began anew in all folders."""
        changed = (settings.watch, settings.output.suffix) != (self._settings.watch, self._settings.output.suffix)
        self._settings = settings
        wanted = dict.fromkeys(Path(name).expanduser().absolute() for name in settings.watch.folders)
        outputs = {output_root(settings.output, folder) for folder in wanted} - wanted.keys()
        gone = [folder for folder in self._watched if changed or folder not in wanted]
        for folder in [*gone, *(self._outputs - outputs)]:
            self._order(Leave(folder))
            self._forget(folder)
        new = [folder for folder in wanted if changed or folder not in self._watched]
        new_outputs = outputs - self._outputs
        self._watched, self._outputs = wanted, outputs
        for folder in [*new, *new_outputs]:
            self._look(folder)
        return changed

    def close(self) -> list[str]:
        """End the process that looks; gives the folders whose file system holds it."""
        looker, self._looker = self._looker, None
        if looker is None or looker.close(*([HELD_S] if self._trouble.stalled else [])):
            return []
        return [str(folder) for folder in self._trouble.stalled] or [f"process {looker.pid}"]

    def sleep(self) -> float | None:
        """Seconds until something is to be done that no handle tells of; None: nothing is."""
        if self._early:
            return 0.0
        return LOOK_ANEW_S if self._looker is None else None

    def handles(self) -> list[Connection]:
        """What to wait for until there may be news."""
        return [self._looker.pipe] if self._looker else []

    def closed_roots(self) -> list[Path]:
        """Watched folders whose frames cannot be worked on: they or their outputs' folder are away or do not answer."""
        return self._trouble.closed(self._output_roots())

    def stalled_roots(self) -> list[Path]:
        """Watched folders that do not answer, or whose outputs' folder does not."""
        return self._trouble.hanging(self._output_roots())

    def troubles(self) -> list[str]:
        """Say for the status which folders cannot be used now, and why in a word or two."""
        return self._trouble.words()

    def free(self, folder: Path) -> Free:
        """What could still be written to a folder when that was last asked."""
        state = self._states.get(self._place_of(folder))
        return state.free if state else UNKNOWN

    def settle(self, path: Path) -> None:
        """Find out when a frame is complete."""
        self._order(Ask(root_of(path, self.paths), "settle", (path,)))

    def look_at(self, path: Path) -> None:
        """Look whether a frame is there, and how."""
        self._order(Ask(root_of(path, self.paths), "look_at", (path,)))

    def clear_away(self, folder: Path, root: Path) -> None:
        """Remove what a killed worker left of unfinished outputs in a folder below `root`."""
        self._order(Ask(self._place_of(folder), "clear_away", (folder, root)))

    def looks_at(self, path: Path) -> bool:
        """Whether a file lies in or below one of the folders, so that something can be found out about it."""
        return self._place_of(path) in {*self._watched, *self._outputs}

    def look_for_output(self, path: Path, look: Look, output: Path) -> None:
        """Find out whether a frame's output is still there."""
        self._order(Ask(self._place_of(output), "look_for_output", (path, look, output)))

    def output_written(self, output: Path, size: int) -> None:
        """Take an output's bytes off the room that is known, until the disk is asked again."""
        place = self._place_of(output)
        if (state := self._states.get(place)) is not None:
            free = Free(state.free.bytes - size, state.free.files - 1)
            self._states[place] = replace(state, free=free)
        self._order(Ask(place, "measure"))

    def scan_soon(self) -> None:
        """Go through all folders: something was missed."""
        for folder in self._watched:
            self._order(Ask(folder, "scan_soon"))

    def take(self, arrivals: Arrivals, report: Report) -> None:
        """Take up the news; not longer than `SLICE_S`, the rest waits for the next turn."""
        until = time.monotonic() + SLICE_S
        if self._looker is None:
            self._look_anew()
        try:
            while time.monotonic() < until and (news := self._next_news()) is not None:
                if not self._of_frames(news, arrivals):
                    self._of_folders(news, report)
        except EOFError:
            report.log("watch.failed", reason="the process that looks at the folders ended; it is replaced")
            self._look_anew()

    def _next_news(self) -> Any:
        if self._early:
            return self._early.popleft()
        return self._looker.news() if self._looker else None

    def _of_frames(self, news: Any, arrivals: Arrivals) -> bool:
        """Hand news of frames on; gives whether they were."""
        match news:
            case Sighted(path=path, look=look, careful=careful, replaced=replaced):
                arrivals.sighted(path, look, careful=careful, replaced=replaced)
            case Vanished(path=path):
                arrivals.vanished(path)
            case OutputFound(path=path, look=look, output=output):
                arrivals.output_found(path, look, output)
            case Scanned(folder=folder):
                arrivals.scanned(folder)
            case Source() | Waiting() | Refused() | Gone():
                arrivals.decided(news)
            case _:
                return False
        return True

    def _of_folders(self, news: Any, report: Report) -> None:
        match news:
            case State():
                self._states[news.folder] = news
                self._note_silence(news, report)
            case Unwatched():
                report.log("watch.subfolders", **news.facts())
            case Present(folder=folder, how=how):
                self._came(folder, how, report)
            case Missing(folder=folder, why=why):
                self._trouble.missing.add(folder)
                self._trouble.returning.add(folder)
                report.log("watch.lost", folder=str(folder), reason=why)
            case Writable(folder=folder, why_not=why):
                self._writable(folder, why, report)
            case EventsLost():
                report.log("watch.overflowed")
                self.scan_soon()
            case ObserverDied(evidence=evidence):
                report.log("watch.restarted", reason=evidence)
                for folder in self._watched:
                    self._order(Ask(folder, "observe_anew"))
            case Broke(folder=folder, evidence=evidence):
                report.log("watch.failed", folder=str(folder), reason=evidence)
                self._trouble.returning.add(folder)
                self._look(folder)

    def _came(self, folder: Path, how: str, report: Report) -> None:
        self._trouble.missing.discard(folder)
        if folder in self._trouble.returning:
            report.log("watch.returned", folder=str(folder), **({"how": how} if how else {}))
            self._trouble.returning.discard(folder)
            self._look_carefully(folder)
        elif folder in self._watched:
            report.log("watch.started", folder=str(folder), how=how)

    def _writable(self, folder: Path, why_not: str | None, report: Report) -> None:
        if folder in self._watched and output_root(self._settings.output, folder) != folder:
            return  # nothing is written there
        if why_not is not None:
            self._trouble.unwritable.add(folder)
            report.log("output.blocked", folder=str(folder), reason=f"{why_not}; frames wait until then")
        elif folder in self._trouble.unwritable:
            self._trouble.unwritable.discard(folder)
            report.log("output.resumed", folder=str(folder))
            self._look_carefully(folder)

    def _note_silence(self, state: State, report: Report) -> None:
        """Tell once of a file system that does not answer, and once that it does again."""
        folder = state.folder
        if state.silent_s >= STALLED_S and folder not in self._trouble.stalled:
            self._trouble.stalled.add(folder)
            reason = "its file system does not answer; its frames wait, all others go on"
            report.log("watch.stalled", folder=str(folder), reason=reason)
        elif state.silent_s < STATE_S and folder in self._trouble.stalled:
            self._trouble.stalled.discard(folder)
            report.log("watch.returned", folder=str(folder))
            self._look_carefully(folder)

    def _look_carefully(self, folder: Path) -> None:
        """Take up again what failed for a passing reason while a folder was away."""
        for root in self._watched:
            if folder in {root, output_root(self._settings.output, root)}:
                self._order(Ask(root, "scan_soon", options=(("careful", True),)))

    def _look(self, folder: Path) -> None:
        """Let a folder be looked at, from now on or anew."""
        if folder in self._watched:
            self._order(LookAt(folder, self._settings.watch, self._settings.output.suffix))
        else:
            self._order(LookAt(folder))

    def _look_anew(self) -> None:
        """Start another process that looks, as soon as that can be done safely: a fork copies no threads."""
        if self._looker is not None:
            self._looker.close()
            self._looker = None
        if threading.active_count() == 1:
            self._looker = Looker()
            for folder in [*self._watched, *self._outputs]:
                self._trouble.returning.add(folder)
                self._look(folder)

    def _order(self, order: Order) -> None:
        if self._looker is not None:
            self._looker.order(order)

    def _output_roots(self) -> dict[Path, Path]:
        """Give each watched folder with the folder that its outputs go to."""
        return {root: output_root(self._settings.output, root) for root in self._watched}

    def _place_of(self, path: Path) -> Path:
        return root_of(path / "any", [*self._watched, *self._outputs])

    def _forget(self, folder: Path) -> None:
        self._states.pop(folder, None)
        self._trouble.forget(folder)
