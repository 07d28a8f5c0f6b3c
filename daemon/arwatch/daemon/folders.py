"""The folders in the loop: what their threads tell becomes events and arrivals; which of them can be worked on now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.daemon.folder import Scanned, Sighted, Unwatched, Vanished, WatchedFolder
from arwatch.daemon.inbox import Inbox
from arwatch.daemon.lease import LeaseError
from arwatch.daemon.place import Broke, Missing, OutputMissing, Place, Present, Writable
from arwatch.output.naming import output_root, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from arwatch.daemon.arrivals import Arrivals
    from arwatch.daemon.report import Report
    from arwatch.model.job import Look
    from arwatch.settings import Settings

STALLED_S = 10.0
"""A file system that has not answered for so long is told as stalled."""
BEGIN_S = 3.0
"""How long the start waits for the folders' first word."""
PART_S = 2.0
"""How long the end waits for the folders' threads."""
LISTEN_S = 2.0
"""How often it is asked for how long each file system has been silent."""
SLICE_S = 0.2
"""How long news are taken up in one go."""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The kernel dropped events; nobody knows of which folder."""


@dataclass(frozen=True, slots=True)
class ObserverDied:
    """One of watchdog's threads ended by an error."""

    evidence: str
    """The traceback."""


class Folders:
    """The watched folders and the folder for outputs, each in a thread of its own.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    wake : callable
        Called from other threads when there is something to do.
    """

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        self._inbox = Inbox(wake)
        self._settings = settings
        self._watched: dict[Path, WatchedFolder] = {}
        self._outputs: dict[Path, Place] = {}
        self._missing: set[Path] = set()
        self._unwritable: dict[Path, str] = {}
        self._stalled: set[Path] = set()
        self._returning: set[Path] = set()

    # -- beginning and end -------------------------------------------------------------------------------------

    @property
    def paths(self) -> list[Path]:
        """The watched folders, absolute."""
        return list(self._watched)

    def begin(self) -> None:
        """Start the threads, and wait a moment for their first word.

        Raises
        ------
        LeaseError
            Another daemon watches one of the folders.
        """
        self.apply(self._settings)
        deadline = time.monotonic() + BEGIN_S
        for folder in self._watched.values():
            folder.told.wait(max(0.0, deadline - time.monotonic()))
        if (refused := next((folder.refused for folder in self._watched.values() if folder.refused), None)) is not None:
            raise LeaseError(refused)

    def apply(self, settings: Settings) -> bool:
        """Watch what these settings name; gives whether watching began anew in all folders."""
        changed = (settings.watch, settings.output.suffix) != (self._settings.watch, self._settings.output.suffix)
        self._settings = settings
        wanted = [Path(name).expanduser().absolute() for name in settings.watch.folders]
        outputs = {output_root(settings.output, folder) for folder in wanted} - set(wanted)
        gone: list[Place] = [folder for path, folder in self._watched.items() if changed or path not in wanted]
        gone += [place for path, place in self._outputs.items() if path not in outputs]
        _stop(gone)
        for place in gone:
            self._forget(place)
        for path in wanted:
            if path not in self._watched:
                self._watched[path] = WatchedFolder(path, settings.watch, settings.output.suffix, self._inbox.post)
                self._watched[path].start()
        self._watched = {path: self._watched[path] for path in dict.fromkeys(wanted)}
        for path in outputs - self._outputs.keys():
            self._outputs[path] = Place(path, self._inbox.post)
            self._outputs[path].start()
        return changed

    def close(self) -> list[Path]:
        """End the threads; gives the folders whose file system does not let them end."""
        self._inbox.close()
        return _stop([*self._watched.values(), *self._outputs.values()])

    # -- what the loop asks ------------------------------------------------------------------------------------

    def closed_roots(self) -> list[Path]:
        """Watched folders whose frames cannot be worked on: they or their outputs' folder are away or do not answer."""
        unreadable = self._missing | self._stalled
        closed = unreadable | self._unwritable.keys()
        output = self._settings.output
        return [root for root in self._watched if root in unreadable or output_root(output, root) in closed]

    def stalled_roots(self) -> list[Path]:
        """Watched folders that do not answer, or whose outputs' folder does not."""
        output = self._settings.output
        return [root for root in self._watched if self._stalled & {root, output_root(output, root)}]

    def free(self, folder: Path) -> int:
        """Bytes that could still be written to a folder when its thread last asked."""
        return self._place_of(folder).free

    def unsettled(self) -> int:
        """How many frames may still be growing."""
        return sum(len(folder) for folder in self._watched.values())

    def settle(self, path: Path) -> None:
        """Find out when a frame is complete."""
        self._folder_of(path).settle(path)

    def look_at(self, path: Path) -> None:
        """Look whether a frame is there, and how."""
        self._folder_of(path).look_at(path)

    def clear_away(self, folder: Path) -> None:
        """Remove what a killed worker left of unfinished outputs in a folder."""
        self._place_of(folder).clear_away(folder)

    def check_output(self, path: Path, look: Look, output: Path, size: int | None) -> None:
        """Find out whether a frame's output is still there."""
        self._place_of(output).check_output(path, look, output, size)

    def output_written(self, output: Path, size: int) -> None:
        """Take an output's bytes off the room that is known, until the disk is asked again."""
        place = self._place_of(output)
        place.free -= size
        place.measure()

    def scan_soon(self) -> None:
        """Go through all folders: something was missed."""
        self._for_all(WatchedFolder.scan_soon)

    def events_lost(self) -> None:
        """Take note, from any thread, that the kernel dropped events."""
        self._inbox.post(EventsLost())

    def observer_died(self, evidence: str) -> None:
        """Take note, from any thread, that one of watchdog's threads ended by an error."""
        self._inbox.post(ObserverDied(evidence))

    def _for_all(self, act: Callable[[WatchedFolder], None]) -> None:
        for folder in self._watched.values():
            act(folder)

    def sleep(self) -> float:
        """Seconds until something is due here that no news tell of."""
        return 0.0 if len(self._inbox) else LISTEN_S

    # -- news --------------------------------------------------------------------------------------------------

    def take(self, arrivals: Arrivals, report: Report) -> None:  # noqa: PLR0912 -- a case a kind of news
        """Take up what the threads posted; not longer than `SLICE_S`, the rest waits for the next turn."""
        until = time.monotonic() + SLICE_S
        while time.monotonic() < until and (news := self._inbox.take()) is not None:
            match news:
                case Sighted(path=path, look=look, careful=careful):
                    arrivals.sighted(path, look, careful=careful)
                case Vanished(path=path):
                    arrivals.vanished(path)
                case OutputMissing(path=path, look=look):
                    arrivals.output_missing(path, look)
                case Scanned(folder=folder, careful=careful):
                    arrivals.scanned(folder, careful=careful)
                case Unwatched(folder=folder, below=below):
                    reason = f"{below} are not watched: --recursive or [watch] recursive = true"
                    report.log("watch.subfolders", folder=str(folder), frames=below.frames, reason=reason)
                case Present(folder=folder, how=how):
                    self._came(folder, how, report)
                case Missing(folder=folder, why=why):
                    self._missing.add(folder)
                    self._returning.add(folder)
                    report.log("watch.lost", folder=str(folder), reason=why)
                case Writable(folder=folder, why_not=why):
                    self._writable(folder, why, report)
                case EventsLost():
                    report.log("watch.overflowed")
                    self._for_all(WatchedFolder.scan_soon)
                case ObserverDied(evidence=evidence):
                    report.log("watch.restarted", reason=evidence)
                    self._for_all(WatchedFolder.observe_anew)
                case Broke(folder=folder, evidence=evidence):
                    report.log("watch.failed", folder=str(folder), reason=evidence)
                    self._replace(folder)
                case verdict:
                    arrivals.decided(verdict)
        self._note_silence(report)

    def _came(self, folder: Path, how: str, report: Report) -> None:
        self._missing.discard(folder)
        if folder in self._returning:
            report.log("watch.returned", folder=str(folder), how=how or None)
            self._returning.discard(folder)
            self._look_carefully(folder)
        elif folder in self._watched:
            report.log("watch.started", folder=str(folder), how=how)

    def _writable(self, folder: Path, why_not: str | None, report: Report) -> None:
        if folder in self._watched and output_root(self._settings.output, folder) != folder:
            return  # nothing is written there
        if why_not is not None:
            self._unwritable[folder] = why_not
            report.log("output.blocked", folder=str(folder), reason=f"{why_not}; frames wait until then")
        elif self._unwritable.pop(folder, None) is not None:
            report.log("output.resumed", folder=str(folder))
            self._look_carefully(folder)

    def _note_silence(self, report: Report) -> None:
        """Tell once of a file system that does not answer, and once that it does again."""
        for path, place in (*self._watched.items(), *self._outputs.items()):
            silent = place.silent_s() >= STALLED_S
            if silent and path not in self._stalled:
                self._stalled.add(path)
                reason = "its file system does not answer; its frames wait, all others go on"
                report.log("watch.stalled", folder=str(path), reason=reason)
            elif not silent and path in self._stalled and place.silent_s() < 1.0:
                self._stalled.discard(path)
                report.log("watch.returned", folder=str(path), how=None)
                self._look_carefully(path)

    def _look_carefully(self, folder: Path) -> None:
        """Take up again what failed for a passing reason while a folder was away."""
        for root, watched in self._watched.items():
            if folder in {root, output_root(self._settings.output, root)}:
                watched.scan_soon(careful=True)

    def _replace(self, folder: Path) -> None:
        """Give a folder whose thread broke another one."""
        self._returning.add(folder)
        if folder in self._watched:
            settings = self._settings
            self._watched[folder] = WatchedFolder(folder, settings.watch, settings.output.suffix, self._inbox.post)
            self._watched[folder].start()
        elif folder in self._outputs:
            self._outputs[folder] = Place(folder, self._inbox.post)
            self._outputs[folder].start()

    # -- which thread ------------------------------------------------------------------------------------------

    def _folder_of(self, path: Path) -> WatchedFolder:
        return self._watched[root_of(path, self.paths)]

    def _place_of(self, path: Path) -> Place:
        places: dict[Path, Place] = {**self._watched, **self._outputs}
        return places[root_of(path / "any", list(places))]

    def _forget(self, place: Place) -> None:
        self._watched.pop(place.path, None)
        self._outputs.pop(place.path, None)
        self._missing.discard(place.path)
        self._unwritable.pop(place.path, None)
        self._stalled.discard(place.path)
        self._returning.discard(place.path)


def _stop(places: Iterable[Place]) -> list[Path]:
    """Stop threads, and wait for them a moment; gives the folders of those that go on."""
    stopped = list(places)
    for place in stopped:
        place.stop()
    deadline = time.monotonic() + PART_S
    for place in stopped:
        if place.is_alive():
            place.join(max(0.0, deadline - time.monotonic()))
    return [place.path for place in stopped if place.is_alive()]
