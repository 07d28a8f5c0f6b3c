"""`arwatch process`: files and folders, once, with a progress bar and a closing table."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from arwatch.commands.beside import NewFolders
from arwatch.commands.options import say
from arwatch.commands.tables import Row, outcome_table
from arwatch.errors import ArwatchError, FailureCode
from arwatch.formats.names import is_frame
from arwatch.ledger.store import Ledger
from arwatch.model.job import Look, Replace
from arwatch.model.outcome import Failed, Written
from arwatch.output.previews import FOLDER as PREVIEWS
from arwatch.output.publish import remove_stale
from arwatch.platform import paths
from arwatch.platform.fs import NO_MORE_FILES, count_below, look, scan
from arwatch.telling.text import printable
from arwatch.work.disk import free_room
from arwatch.work.happenings import Ended, Happening, Returned, RoomLow
from arwatch.work.local_pool import LocalPool
from arwatch.work.retry import Policy
from arwatch.work.scheduler import Scheduler
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Group
    from rich.progress import Task

    from arwatch.commands.remember import Memory
    from arwatch.model.outcome import End
    from arwatch.settings import Settings


class NoFramesError(ArwatchError):
    """A path given by the user leads to no frame."""


@dataclass(frozen=True, slots=True)
class Found:
    """A frame to process, and the folder it was found under."""

    path: Path
    root: Path


def find(given: Iterable[Path], settings: Settings) -> list[Found]:
    """Give the frames of files (whatever their names) and folders (by the settings' patterns), each once.

    Links and `..` do not make two of one frame.

    Raises
    ------
    NoFramesError
        A path does not exist, or a folder holds no frame.
    """
    watch = settings.watch
    found: dict[tuple[str, str], Found] = {}
    real = cache(os.path.realpath)

    def take(frame: Path, root: Path) -> None:
        found.setdefault((real(frame.parent), frame.name), Found(frame, root))

    for path in (Path(p).absolute() for p in given):
        if path.is_dir():
            wanted = lambda name: is_frame(name, watch.patterns, settings.output.suffix)  # noqa: E731
            inside = [frame for frame, _ in scan(path, wanted, recursive=watch.recursive)]
            if not inside:
                below = not watch.recursive and any(True for _ in scan(path, wanted, recursive=True))
                hint = "; its subfolders hold some: add --recursive, or name them" if below else ""
                raise NoFramesError(f"{path}: no frame in this folder matches {', '.join(watch.patterns)}{hint}")
            for frame in inside:
                take(frame, path)
        elif look(path) is not None:
            take(path, path.parent)
        else:
            raise NoFramesError(f"{path}: no such file or folder")
    return list(found.values())


def tell_left_out(given: Iterable[Path], settings: Settings) -> None:
    """Say how many frames lie in subfolders of the given folders, where these were not asked for."""
    watch = settings.watch
    if watch.recursive:
        return
    for path in (path.absolute() for path in given if path.is_dir()):
        below = count_below(path, lambda name: is_frame(name, watch.patterns, settings.output.suffix))
        if below.frames:
            say(f"left out: {below} of {path}; --recursive takes them, too")


def process(found: list[Found], settings: Settings, replace: Replace, memory: Memory) -> int:
    """Process frames with all workers, and remember them; gives the number of frames that failed."""
    console = Console(stderr=True)
    done, folders = Tally(found), NewFolders(found, settings)
    progress = progress_bar(console, _Rate())
    try:
        with progress:
            task = progress.add_task("starting", total=len(found))
            for happening in happenings(found, settings, replace):
                if isinstance(happening, Compiling):
                    progress.update(task, description="compiling once")
                elif isinstance(happening, Ready):
                    done.ready()
                elif isinstance(happening, RoomLow):
                    console.print(printable(_waits_for(happening)), markup=False, highlight=False, soft_wrap=True)
                elif (end := _end(happening)) is not None:
                    path, outcome = end
                    done.ended(path, outcome)
                    if isinstance(happening, Ended):
                        memory.ended(happening)
                    if isinstance(outcome, Written):
                        folders.hand_over(outcome.output)
                    progress.update(task, advance=1, description="subtracting")
    finally:  # also where Ctrl-C came before
        Console().print(done.table())
        memory.keep()
        for reason in done.without_preview():
            say(reason)
        if dark := done.dark_rims():
            far, count = max(dark), f"{len(dark)} of {len(found)} frames have" if len(found) > 1 else "the frame has"
            what = f"{count} edges up to {far:.1f} % darker than the middle after the subtraction"
            say(f'{what}: model = "smooth" in [background] mends it; `arwatch compare` shows both models on a frame')
    return done.failed()


def progress_bar(console: Console, *more: ProgressColumn, transient: bool = False) -> Progress:
    """Make the line that shows how many frames are done and how long the others take; nothing where nobody reads it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        *more,
        TimeRemainingColumn(),
        console=console,
        transient=transient,
        disable=not console.is_terminal,
    )


@dataclass(slots=True)
class Tally:
    """What has become of the frames so far, and how long it took."""

    found: list[Found]
    _began: float = field(default_factory=time.monotonic)
    _ready: float | None = None
    _ends: dict[Path, End] = field(default_factory=dict)

    def ready(self) -> None:
        """Take note that a worker can work: what was before is the program's start."""
        self._ready = self._ready or time.monotonic()

    def ended(self, path: Path, outcome: End) -> None:
        """Take note of a frame's end."""
        self._ends[path] = outcome

    def failed(self) -> int:
        """How many frames failed."""
        return sum(isinstance(outcome, Failed) for outcome in self._ends.values())

    def dark_rims(self) -> list[float]:
        """How many per cent of the sky the edges are too dark, on the frames that the default model leaves so."""
        rims = (end.figures.dark_rim for end in self._written())
        return [rim for rim in rims if rim is not None]

    def without_preview(self) -> list[str]:
        """Say, once each, why frames have no preview."""
        return list(dict.fromkeys(end.no_preview for end in self._written() if end.no_preview))

    def _written(self) -> list[Written]:
        return [end for end in self._ends.values() if isinstance(end, Written)]

    def table(self) -> Group:
        """Give the closing table: the frames in their order, then the sums."""
        rows = [Row(frame.path.name, self._ends[frame.path]) for frame in self.found if frame.path in self._ends]
        now = time.monotonic()
        ready = self._ready or now
        return outcome_table(rows, now - ready, ready - self._began, left=len(self.found) - len(rows))


def happenings(found: list[Found], settings: Settings, replace: Replace) -> Iterator[Happening]:
    """Work the frames off as the daemon does, but with a queue in memory and a command's patience."""
    roots = list(dict.fromkeys(frame.root for frame in found))
    queue = Ledger(None, roots)
    for frame in found:
        queue.saw(frame.path, live=False)
        queue.settled(frame.path, look(frame.path) or Look(0, 0))  # what has vanished since is told by its worker
    pool = LocalPool.from_settings(settings.workers, paths.cache_folder())
    policy = Policy.of_a_command(settings.workers)
    scheduler = Scheduler(
        settings,
        roots,
        queue,
        pool,
        policy=policy,
        free=free_room,
        clear_away=_clear_away,
        replace=replace,
        # a root's folder and files in a service's state folder would be in the service's way
        previews=paths.state_folder(settings.state) / PREVIEWS if os.geteuid() else None,
        first_alone=settings.measure.enabled,
    )
    try:
        while scheduler.in_work or scheduler.waiting():
            yield from scheduler.collect()
            yield from scheduler.dispatch()
            if scheduler.in_work or scheduler.waiting():
                wait(scheduler.handles(), scheduler.sleep())
    finally:
        scheduler.abandon()
        scheduler.close()


def _clear_away(folder: Path, root: Path) -> None:
    remove_stale(folder, within=root)


def _end(happening: Happening) -> tuple[Path, End] | None:
    """Give a frame that has ended, and how; nobody waits here for a file that still changes."""
    if isinstance(happening, Returned):
        reason = f"{happening.outcome.reason}; try again when it is complete"
        return happening.job.source.path, Failed(code=FailureCode.CHANGED, reason=reason)
    if isinstance(happening, Ended):
        return happening.job.source.path, happening.outcome
    return None


def _waits_for(low: RoomLow) -> str:
    """Say why nothing goes on, and what to do."""
    free, wanted = low.free.bytes >> 20, low.wanted.bytes >> 20
    why = f"{free} MiB are free, {wanted} MiB are wanted ([disk] min_free_mib and the outputs): make room"
    if low.free.files < low.wanted.files:
        why = NO_MORE_FILES
    return f"{low.folder}: {why}. Until then its frames wait; Ctrl-C ends it"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{60 * task.speed:.0f}/min" if task.speed else "")
