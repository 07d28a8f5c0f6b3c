"""The folders in the loop: what their threads tell becomes events and arrivals; which of them can be worked on now."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arwatch.daemon import news
from arwatch.daemon.lease import LeaseError
from arwatch.daemon.looker import Ask, Leave, LookAt, Looker, Order
from arwatch.daemon.restarts import Restarts
from arwatch.daemon.trouble import Trouble
from arwatch.output.naming import output_root, root_of
from arwatch.work.disk import UNKNOWN, Free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from arwatch.daemon.report import Report
    from arwatch.model.job import Look
    from arwatch.settings import Settings

BEGIN_S = 3.0
"""How long the start waits for the folders' first word."""
HELD_S = 0.5
"""How long the end waits for the process that looks where a file system holds it."""
LOOK_ANEW_S = 0.2
"""How soon it is tried again to replace the process that looks, where other threads run."""
LOOKER = "the process that looks"  # among what is begun again; all else are folders
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
        self._states: dict[Path, news.State] = {}
        self._trouble = Trouble()
        self._restarts = Restarts()

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
        self._restarts.began(LOOKER)
        self.apply(self._settings)
        told: set[Path] = set()
        deadline = time.monotonic() + BEGIN_S
        with suppress(EOFError):  # the loop replaces it
            while told < self._watched.keys() and self._looker.pipe.poll(max(0.0, deadline - time.monotonic())):
                item = self._looker.news()
                self._early.append(item)
                if isinstance(item, news.Missing) and item.leased:
                    raise LeaseError(item.why)
                if isinstance(item, news.Present | news.Missing):
                    told.add(item.folder)

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
        return self._restarts.sleep() if self._looker else max(LOOK_ANEW_S, self._restarts.sleep() or 0.0)

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
        state = self._states.get(self._folder_of(folder))
        return state.free if state else UNKNOWN

    def settle(self, path: Path) -> None:
        """Find out when a frame is complete."""
        self._order(Ask(root_of(path, self.paths), "settle", (path,)))

    def look_at(self, path: Path) -> None:
        """Look whether a frame is there, and how."""
        self._order(Ask(root_of(path, self.paths), "look_at", (path,)))

    def clear_away(self, folder: Path, root: Path) -> None:
        """Remove what a killed worker left of unfinished outputs in a folder below `root`."""
        self._order(Ask(self._folder_of(folder), "clear_away", (folder, root)))

    def looks_at(self, path: Path) -> bool:
        """Whether a file lies in or below one of the folders, so that something can be found out about it."""
        return self._folder_of(path) in {*self._watched, *self._outputs}

    def look_for_output(self, path: Path, look: Look, output: Path) -> None:
        """Find out whether a frame's output is still there."""
        self._order(Ask(self._folder_of(output), "look_for_output", (path, look, output)))

    def output_written(self, output: Path, size: int) -> None:
        """Take an output's bytes off the room that is known, until the disk is asked again."""
        folder = self._folder_of(output)
        if (state := self._states.get(folder)) is not None:
            free = Free(state.free.bytes - size, state.free.files - 1)
            self._states[folder] = replace(state, free=free)
        self._order(Ask(folder, "measure"))

    def scan_soon(self) -> None:
        """Go through all folders: something was missed."""
        for folder in self._watched:
            self._order(Ask(folder, "scan_soon"))

    def news_of_frames(self, report: Report) -> Iterator[Any]:
        """Take up the news of folders, and give those of frames; for `SLICE_S`, the rest waits for the next turn."""
        until = time.monotonic() + SLICE_S
        if self._looker is None:
            self._look_anew(report)
        for folder in (self._watched.keys() | self._outputs) & {*self._restarts.due()}:
            self._look(folder)
        try:
            while time.monotonic() < until and (item := self._next_news()) is not None:
                if self._is_looked_at(item) and not self._is_of_folders(item, report):
                    yield item
        except EOFError:
            report.log("watch.failed", reason="the process that looks at the folders ended; it is replaced")
            self._looker_ended()

    def _next_news(self) -> Any:
        if self._early:
            return self._early.popleft()
        return self._looker.news() if self._looker else None

    def _is_looked_at(self, item: Any) -> bool:
        """Whether news are of a folder of the settings in force: some were on their way when it was left."""
        if (folder := getattr(item, "folder", None)) is not None:
            return folder in self._watched or folder in self._outputs
        path = getattr(item, "path", None)
        return path is None or any(path.is_relative_to(folder) for folder in self._watched)

    def _is_of_folders(self, item: Any, report: Report) -> bool:
        """Take up what concerns folders; gives whether it did."""
        match item:
            case news.State():
                self._states[item.folder] = item
                if self._trouble.silent(item.folder, item.silent_s, report):
                    self._look_carefully(item.folder)
            case news.Unwatched():
                report.log("watch.subfolders", **item.facts())
            case news.Present(folder=folder, how=how):
                self._came(folder, how, report)
            case news.Missing(folder=folder, why=why):
                self._trouble.missing.add(folder)
                self._trouble.returning.add(folder)
                report.log("watch.lost", folder=str(folder), reason=why)
            case news.Writable(folder=folder, why_not=why):
                self._writable(folder, why, report)
            case news.EventsLost():
                report.log("watch.overflowed")
                self.scan_soon()
            case news.ObserverDied(evidence=evidence):
                report.log("watch.restarted", reason=evidence)
                for folder in self._watched:
                    self._order(Ask(folder, "observe_anew"))
            case news.Broke(folder=folder, evidence=evidence):
                report.log("watch.failed", folder=str(folder), reason=evidence)
                self._trouble.returning.add(folder)
                self._restarts.ended(folder)
            case _:
                return False
        return True

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
        if self._trouble.writable(folder, why_not, report):
            self._look_carefully(folder)

    def _look_carefully(self, folder: Path) -> None:
        """Take up again what failed for a passing reason while a folder was away."""
        for root in self._watched:
            if folder in {root, output_root(self._settings.output, root)}:
                self._order(Ask(root, "scan_soon", options=(("careful", True),)))

    def _look(self, folder: Path) -> None:
        """Let a folder be looked at, from now on or anew."""
        self._restarts.began(folder)
        if folder in self._watched:
            self._order(LookAt(folder, self._settings.watch, self._settings.output.suffix))
        else:
            self._order(LookAt(folder))

    def _looker_ended(self) -> None:
        if self._looker is not None:
            self._looker.close()
            self._looker = None
        self._restarts.ended(LOOKER)

    def _look_anew(self, report: Report) -> None:
        """Start another process that looks, as soon as that can be done safely: a fork copies no threads."""
        if self._restarts.waits(LOOKER) or threading.active_count() > 1:
            return
        try:
            self._looker = Looker()
        except OSError as error:  # the machine has no memory or no process for it now
            report.log("watch.failed", reason=f"the process that looks at the folders cannot be started: {error}")
            self._looker_ended()
        else:
            self._restarts.began(LOOKER)
            for folder in [*self._watched, *self._outputs]:
                self._trouble.returning.add(folder)
                self._look(folder)

    def _order(self, order: Order) -> None:
        if self._looker is not None:
            self._looker.order(order)

    def _output_roots(self) -> dict[Path, Path]:
        """Give each watched folder with the folder that its outputs go to."""
        return {root: output_root(self._settings.output, root) for root in self._watched}

    def _folder_of(self, path: Path) -> Path:
        return root_of(path / "any", [*self._watched, *self._outputs])

    def _forget(self, folder: Path) -> None:
        self._states.pop(folder, None)
        self._restarts.forget(folder)
        self._trouble.forget(folder)
