"""`arwatch measure`: the figures of frames or outputs, without writing FITS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arwatch.commands import process
from arwatch.commands.figures import as_object
from arwatch.commands.options import say
from arwatch.model.figures import Figures
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Failed, Measured
from arwatch.platform import machine, paths
from arwatch.platform.fs import look
from arwatch.telling.text import printable, shorten
from arwatch.work.local_pool import LocalPool
from arwatch.work.pool import Done
from arwatch.work.worker import Compiling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arwatch.model.outcome import Outcome
    from arwatch.settings import Settings


def find(given: Iterable[Path], settings: Settings) -> list[Path]:
    """Give the files to measure: as named, and of a folder its frames, or where it has none its outputs.

    Raises
    ------
    NoFramesError
        A path does not exist, or a folder holds nothing to measure.
    """
    found: dict[Path, None] = {}
    for path in given:
        try:
            inside = [frame.path for frame in process.find([path], settings)]
        except process.NoFramesError:
            inside = _outputs(path.absolute(), settings)
            if not inside:
                raise
        found |= dict.fromkeys(inside)
    return list(found)


def _outputs(folder: Path, settings: Settings) -> list[Path]:
    endings = (settings.output.suffix, f"{settings.output.suffix}.fz")
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.name.endswith(endings))
    return []


def measure(found: Sequence[Path], settings: Settings, *, as_json: bool) -> int:
    """Print the figures of each frame; gives the number of frames that could not be measured."""
    progress = process.progress_bar(Console(stderr=True), transient=True)
    ends: list[tuple[Path, Outcome]] = []
    try:
        with progress:
            task = progress.add_task("measuring", total=len(found))
            for path, outcome in outcomes(found, settings):
                ends.append((path, outcome))
                progress.update(task, advance=1)
                if as_json:
                    click.echo(json.dumps(as_line(path, outcome)))
    finally:  # also where Ctrl-C came before
        if not as_json:
            Console().print(_table(ends))
    for path, outcome in ends:
        if isinstance(outcome, Failed):
            say(f"{path.name}: {outcome.reason}")
    return sum(isinstance(outcome, Failed) for _, outcome in ends)


def outcomes(found: Sequence[Path], settings: Settings) -> Iterator[tuple[Path, Outcome]]:
    """Measure one frame after the other, each matched to those before it, in a process that may crash.

    All cores work on one frame: which field it is of must be known before the next one.
    """
    pool = LocalPool.from_settings(settings.workers.model_copy(update={"count": 1}), paths.cache_folder())
    threads = machine.threads_for(settings.workers, 1)
    field = b""
    try:
        for path in found:
            outcome = _outcome(pool, _job(path, settings, threads, field))
            if isinstance(outcome, Measured) and outcome.field:
                field = outcome.field
            yield path, outcome
    finally:
        pool.close()


def as_line(path: Path, outcome: Outcome) -> dict[str, Any]:
    """Give what programs get of a frame; `error` says why there are no figures."""
    figures = outcome.figures if isinstance(outcome, Measured) else Figures()
    error = {"error": outcome.reason, "code": str(outcome.code)} if isinstance(outcome, Failed) else {}
    return {"frame": path.name, "path": str(path), **as_object(figures), **error}


def _job(path: Path, settings: Settings, threads: int, field: bytes) -> Job:
    size, mtime_ns = look(path) or (0, 0)
    source = Source(path, size, mtime_ns)
    return Job(
        source=source,
        output=path,
        root=path.parent,
        settings=settings,
        threads=threads,
        field=field,
        only_measure=True,
    )


def _outcome(pool: LocalPool, job: Job) -> Outcome:
    given = False
    while True:
        for report in pool.collect():
            if isinstance(report, Done):
                return report.outcome
            if isinstance(report, Compiling):
                say("compiling the kernels for this machine, once: up to a minute")
        if not given and pool.free():
            pool.submit(job)
            given = True
        wait(pool.handles(), pool.sleep())


def _table(ends: Sequence[tuple[Path, Outcome]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("frame", overflow="fold", max_width=26)
    for name in ("stars", "px", "hfd", "b/a", "angle", "dx", "dy", "turn", "light", "noise"):
        table.add_column(name, justify="right")
    for path, outcome in ends:
        name = shorten(printable(path.name), 26)
        if isinstance(outcome, Measured):
            table.add_row(*map(Text, (name, *_cells(outcome.figures))))
        else:
            table.add_row(Text(name), Text("failed"), style="red")
    return table


def _cells(figures: Figures) -> list[str]:
    shown = (
        ("{}", figures.green_stars),
        ("{:.2f}", figures.green_fwhm_px),
        ("{:.1f}", figures.hfd_px),
        ("{:.2f}", figures.axis_ratio),
        ("{:.0f}", figures.angle_deg),
        ("{:.1f}", figures.dx_px),
        ("{:.1f}", figures.dy_px),
        ("{:.2f}", figures.rotation_deg),
        ("{:.0%}", figures.transparency),
        ("{:.1f}", figures.green_pixel_noise),
    )
    return ["" if value is None else form.format(value) for form, value in shown]
