"""Closing tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

from arwatch.model.outcome import End, Failed, Skipped, Written
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS = 60
"""More frames than this are counted, not listed; failures always are."""
LONG_S = 0.5
"""A start that takes longer than this is told."""


class Row(NamedTuple):
    """A frame's name and its end."""

    frame: str
    outcome: End


def outcome_table(
    rows: Sequence[Row], elapsed_s: float, start_s: float = 0.0, left: int = 0, *, paced: bool = False
) -> Group:
    """What became of each frame, then the sums.

    Parameters
    ----------
    rows
        In the order in which they are listed.
    elapsed_s
        How long the work took, seconds.
    start_s
        How long it took before that until a worker was ready, seconds.
    left
        How many frames were not begun or not finished when the work was interrupted.
    paced
        Whether the work waited for a camera, so that its rate says nothing.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("frame", overflow="fold", max_width=26)
    for name in ("R", "G", "B"):
        table.add_column(f"sky {name}", justify="right")
    table.add_column("s", justify="right")
    table.add_column("output", overflow="fold")
    for frame, outcome in rows:
        if len(rows) <= MOST_ROWS or isinstance(outcome, Failed):
            table.add_row(Text(printable(frame)), *_cells(outcome))
    kinds = (Written, Skipped, Failed)
    counts = {kind.__name__.lower(): sum(isinstance(row.outcome, kind) for row in rows) for kind in kinds}
    rate = f", {elapsed_s / len(rows):.2f} s a frame" if counts["written"] == len(rows) > 0 and not paced else ""
    start = f"; {start_s:.1f} s to start" if start_s >= LONG_S else ""
    sums = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    lines = [Text(f"{sums} in {elapsed_s:.1f} s{rate}{start}")]
    if left:
        lines.append(Text(f"interrupted, {left} left"))
    return Group(*((table, Text()) if table.row_count else ()), *lines)


def _cells(outcome: End) -> list[Text]:
    if isinstance(outcome, Written):
        figures = outcome.figures
        levels = [f"{level:.1f}" for level in (figures.red_level, figures.green_level, figures.blue_level)]
        notes = ["renewed"] if outcome.renewed else []
        notes += [printable(outcome.left_alone)] if outcome.left_alone else []
        output = printable(outcome.output.name) + (f" ({'; '.join(notes)})" if notes else "")
        return [Text(t) for t in (*levels, f"{figures.work_s:.2f}", output)]
    style = "red" if isinstance(outcome, Failed) else "dim"
    return [Text(t, style) for t in ("", "", "", "", f"{type(outcome).__name__.lower()}: {printable(outcome.reason)}")]
