"""`arwatch night`: a night on the terminal, or as CSV and JSON."""

from __future__ import annotations

import csv
import json
import sys
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from arwatch.commands.figures import above_black, as_object
from arwatch.commands.words import WORDS, condition_object, hours, iso_time, local_time
from arwatch.night.causes import Cause
from arwatch.night.totals import totals
from arwatch.telling.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from arwatch.model.figures import Figures
    from arwatch.night.causes import Condition
    from arwatch.night.conditions import Night
    from arwatch.night.seen import Seen

VERSION = 1
"""Of the JSON and the CSV."""
BLOCKS = "▁▂▃▄▅▆▇█"
LINE_WIDTH = 40
"""Columns of a line of blocks."""


def show(day: date, night: Night) -> None:
    """Print a night for people: sums, lines of blocks, what happened, and a table of the frames."""
    console = Console(highlight=False)
    console.print("\n".join(_head(day, night)), markup=False, soft_wrap=True)
    console.print("\n".join(_lines(night.frames)), markup=False, soft_wrap=True)
    for condition in night.conditions:
        console.print(_told(condition, night), markup=False)
    console.print()
    console.print(_table(night))


def show_json(day: date, night: Night) -> None:
    """Print a night as one JSON object."""
    sums = totals(night.frames, night.causes)
    whole = {
        "version": VERSION,
        "night": str(day),
        "totals": {
            "frames": sums.frames,
            "processed": sums.processed,
            "failed": sums.failed,
            "exposure_s": sums.exposure_s,
            "effective_s": sums.effective_s,
            "causes": {cause.value: count for cause, count in sums.causes.items()},
        },
        "conditions": [condition_object(condition, night) for condition in night.conditions],
        "frames": [_row(frame, cause) for frame, cause in zip(night.frames, night.causes, strict=True)],
    }
    sys.stdout.write(json.dumps(whole) + "\n")


def show_csv(night: Night) -> None:
    """Print a night's frames as CSV: a column a figure, those of bands as `fwhm_px_green`."""
    rows = [_flat(_row(frame, cause)) for frame, cause in zip(night.frames, night.causes, strict=True)]
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def blocks(values: Sequence[float | None], width: int = LINE_WIDTH) -> str:
    """Draw values as a line of blocks, the median of neighbours where there are more than columns; blank: unknown.

    >>> blocks([1, 2, None, 3])
    '▁▄ █'
    """
    groups = [values[len(values) * i // width : len(values) * (i + 1) // width] for i in range(width)]
    if len(values) <= width:
        groups = [[value] for value in values]
    known = [[value for value in group if value is not None] for group in groups]
    middles = [median(group) if group else None for group in known]
    there = [value for value in middles if value is not None]
    if not there:
        return ""
    low, span = min(there), max(there) - min(there)
    return "".join(" " if v is None else BLOCKS[round((v - low) / span * 7) if span else 0] for v in middles)


def _head(day: date, night: Night) -> list[str]:
    sums, frames = totals(night.frames, night.causes), night.frames
    first, last = frames[0], frames[-1]
    begin = local_time(first.when, on_camera_clock=first.on_camera_clock)
    end = local_time(last.when + last.exposure_s, on_camera_clock=last.on_camera_clock)
    what = "1 frame" if sums.frames == 1 else f"{sums.frames} frames"
    lines = [f"Night of {day}, {begin:%H:%M} to {end:%H:%M}: {what}, {hours(sums.exposure_s)} exposed"]
    if sums.effective_s is not None:
        lines[0] += f", worth {hours(sums.effective_s)}"
    counts = [f"{WORDS[cause]} {count}" for cause, count in sums.causes.items() if count]
    counts += [f"failed {sums.failed}"] if sums.failed else []
    return [*lines, " · ".join(reversed(counts)), ""]


def sky_rate(figures: Figures) -> float | None:
    """Give the green sky above black, ADU a second; None: not known."""
    light = above_black(figures, "green")
    return None if light is None or not figures.exposure_s else light / figures.exposure_s


CHARTED: tuple[tuple[str, str, Callable[[Figures], float | None]], ...] = (
    ("star size", "{:.1f} px", lambda figures: figures.green_fwhm_px),
    ("transparency", "{:.0%}", lambda figures: figures.transparency),
    ("sky", "{:.3g} ADU/s", sky_rate),
    ("roundness", "{:.2f}", lambda figures: figures.axis_ratio),
    ("stars", "{:.0f}", lambda figures: figures.green_stars),
)
"""What the lines of blocks show."""


def _lines(frames: Iterable[Seen]) -> list[str]:
    lines = []
    for name, form, value in CHARTED:
        values = [value(frame.figures) for frame in frames]
        if known := [value for value in values if value is not None]:
            low, middle, high = (form.format(v) for v in (min(known), median(known), max(known)))
            lines.append(f"{name:<13}{blocks(values)}  {low} to {high}, median {middle}")
    return [*lines, ""] if lines else []


def _told(condition: Condition, night: Night) -> str:
    clock = night.on_camera_clock
    begin = f"{local_time(condition.onset, on_camera_clock=clock):%H:%M}"
    end = "on " if condition.end is None else f"to {local_time(condition.end, on_camera_clock=clock):%H:%M}"
    return f"{begin} {end} {WORDS[condition.cause]}: {condition.evidence}"


def _table(night: Night) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("time")
    table.add_column("frame", overflow="fold", max_width=22)
    for name in ("s", "stars", "px", "b/a", "light", "sky/s", "worth"):
        table.add_column(name, justify="right")
    table.add_column("", overflow="fold")
    for frame, cause in zip(night.frames, night.causes, strict=True):
        figures = frame.figures
        cells = (
            f"{local_time(frame.when, on_camera_clock=frame.on_camera_clock):%H:%M}",
            shorten(printable(frame.path.name), 22),
            _shown("{:g}", figures.exposure_s),
            _shown("{}", figures.green_stars),
            _shown("{:.1f}", figures.green_fwhm_px),
            _shown("{:.2f}", figures.axis_ratio),
            _shown("{:.0%}", figures.transparency),
            _shown("{:.3g}", sky_rate(figures)),
            _shown("{:.0f}", figures.effective_s),
            frame.code or "failed" if frame.state == "failed" else "" if cause is Cause.GOOD else WORDS[cause],
        )
        table.add_row(*map(Text, cells), style="red" if frame.state == "failed" else "")
    return table


def _shown(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def _row(frame: Seen, cause: Cause) -> dict[str, Any]:
    when = iso_time(frame.when, on_camera_clock=frame.on_camera_clock)
    return {
        "frame": frame.path.name,
        "path": str(frame.path),
        "when": when,
        "state": frame.state,
        "code": frame.code,
        "cause": cause.value if frame.state != "failed" else None,
        **as_object(frame.figures),
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{band}": part for band, part in value.items()}
        else:
            flat[name] = value
    return flat
