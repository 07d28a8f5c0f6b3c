"""`arwatch process`: files and folders, once, with a progress bar and a closing table."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
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

from arwatch.commands.tables import Row, outcome_table
from arwatch.errors import ArwatchError, FailureCode
from arwatch.formats.names import is_frame
from arwatch.ledger.store import Ledger
from arwatch.model.job import Look, Replace
from arwatch.model.outcome import Failed
from arwatch.output.publish import remove_stale
from arwatch.platform import paths
from arwatch.platform.fs import look, scan
from arwatch.work.happenings import Ended, Happening, Returned
from arwatch.work.local import LocalPool
from arwatch.work.retry import Policy
from arwatch.work.room import free_room
from arwatch.work.scheduler import Scheduler
from arwatch.work.worker import Compiling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.progress import Task

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
                hint = "; its subfolders hold some: name them, or set [watch] recursive = true" if below else ""
                raise NoFramesError(f"{path}: no frame in this folder matches {', '.join(watch.patterns)}{hint}")
            for frame in inside:
                take(frame, path)
        elif look(path) is not None:
            take(path, path.parent)
        else:
            raise NoFramesError(f"{path}: no such file or folder")
    return list(found.values())


def process(found: list[Found], settings: Settings, replace: Replace) -> int:
    """Process frames with all workers; gives the number of frames that failed."""
    console = Console(stderr=True)
    rows: list[Row] = []
    began = time.monotonic()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with _told(rows, began), progress:
        task = progress.add_task("starting", total=len(found))
        for happening in happenings(found, settings, replace):
            if isinstance(happening, Compiling):
                progress.update(task, description="compiling once")
            elif (row := _row(happening)) is not None:
                rows.append(row)
                progress.update(task, advance=1, description="subtracting")
    return sum(isinstance(row.outcome, Failed) for row in rows)


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
        settings, roots, queue, pool, policy=policy, free=free_room, clear_away=_clear_away, replace=replace
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


@contextmanager
def _told(rows: list[Row], began: float) -> Iterator[None]:
    """Tell in the end what was done, also where Ctrl-C came before."""
    try:
        yield
    finally:
        if rows:
            Console().print(outcome_table(rows, time.monotonic() - began))


def _row(happening: Happening) -> Row | None:
    """Give the table's row for a frame that has ended; nobody waits here for a file that still changes."""
    if isinstance(happening, Returned):
        reason = f"{happening.outcome.reason}; try again when it is complete"
        return Row(happening.job.source.path.name, Failed(code=FailureCode.CHANGED, reason=reason))
    if isinstance(happening, Ended):
        return Row(happening.job.source.path.name, happening.outcome)
    return None


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{60 * task.speed:.0f}/min" if task.speed else "")
