"""`arwatch process`: files and folders, once, with a progress bar and a closing table."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
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
from arwatch.errors import ArwatchError
from arwatch.formats.names import is_frame
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Failed, Outcome, Unsettled
from arwatch.output.naming import output_path, output_root
from arwatch.output.publish import remove_stale
from arwatch.platform import machine, paths
from arwatch.platform.fs import look, scan
from arwatch.work.local import LocalPool
from arwatch.work.pool import Done
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


def find(paths: Iterable[Path], settings: Settings) -> list[Found]:
    """Give the frames of files (whatever their names) and folders (by the settings' patterns), each once.

    Raises
    ------
    NoFramesError
        A path does not exist, or a folder holds no frame.
    """
    watch = settings.watch
    found: dict[Path, Found] = {}
    for path in (Path(p).absolute() for p in paths):
        if path.is_dir():
            wanted = lambda name: is_frame(name, watch.patterns, settings.output.suffix)  # noqa: E731
            inside = [frame for frame, _ in scan(path, wanted, recursive=watch.recursive)]
            if not inside:
                below = not watch.recursive and any(True for _ in scan(path, wanted, recursive=True))
                hint = "; its subfolders hold some: name them, or set [watch] recursive = true" if below else ""
                raise NoFramesError(f"{path}: no frame in this folder matches {', '.join(watch.patterns)}{hint}")
            for frame in inside:
                found.setdefault(frame, Found(frame, path))
        elif look(path) is not None:
            found.setdefault(path, Found(path, path.parent))
        else:
            raise NoFramesError(f"{path}: no such file or folder")
    return list(found.values())


def process(found: list[Found], settings: Settings, *, force: bool) -> int:
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
        for step in _outcomes(_jobs(found, settings, force=force), settings):
            if isinstance(step, Compiling):
                progress.update(task, description="compiling once")
                continue
            job, outcome = step
            rows.append(Row(job.source.path.name, outcome))
            progress.update(task, advance=1, description="subtracting")
    return sum(isinstance(row.outcome, Failed) for row in rows)


@contextmanager
def _told(rows: list[Row], began: float) -> Iterator[None]:
    """Tell in the end what was done, also where Ctrl-C came before."""
    try:
        yield
    finally:
        if rows:
            Console().print(outcome_table(rows, time.monotonic() - began))


def _jobs(found: list[Found], settings: Settings, *, force: bool) -> Iterator[Job]:
    owners: dict[Path, Path] = {}
    used = min(machine.worker_count(settings.workers), len(found))
    for frame in found:
        seen = look(frame.path)
        taken = lambda output, path=frame.path: owners.get(output, path) != path  # noqa: E731
        output = output_path(frame.path, frame.root, settings.output, taken)
        owners[output] = frame.path
        yield Job(
            source=Source(frame.path, seen.size if seen else -1, seen.mtime_ns if seen else -1),
            output=output,
            root=output_root(settings.output, frame.root),
            settings=settings,
            threads=machine.threads_for(settings.workers, used),
            force=force,
        )


def _outcomes(jobs: Iterator[Job], settings: Settings) -> Iterator[Done | Compiling]:
    """Keep all workers busy; a frame whose worker died gets the settings' number of attempts, without delay."""
    pool = LocalPool.from_settings(settings.workers, paths.cache_folder())
    again: deque[Job] = deque()
    attempts: dict[Path, int] = {}
    folders: set[Path] = set()
    exhausted = False
    try:
        while not exhausted or again or pool.busy():
            for report in pool.collect():
                if isinstance(report, Compiling):
                    yield report
                elif isinstance(report, Done):
                    path = report.job.source.path
                    attempts[path] = attempts.get(path, 0) + 1
                    if _try_again(report.outcome) and attempts[path] < settings.workers.attempts:
                        again.append(report.job)
                    else:
                        yield Done(report.job, _ended(report.outcome))
            while pool.free():
                job = again.popleft() if again else next(jobs, None)
                if job is None:
                    exhausted = True
                    break
                folders.add(job.output.parent)
                pool.submit(job)
            if not exhausted or again or pool.busy():
                wait(pool.handles(), pool.sleep())
    finally:
        pool.close()
        for folder in folders:
            remove_stale(folder)


def _try_again(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.code in {"worker_lost", "timeout", "memory"}


def _ended(outcome: Outcome) -> Outcome:
    """Nobody waits here for a file that still changes."""
    if isinstance(outcome, Unsettled):
        return Failed(code="changed", reason=f"{outcome.reason}; try again when it is complete", retriable=True)
    return outcome


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{60 * task.speed:.0f}/min" if task.speed else "")
