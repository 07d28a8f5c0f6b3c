"""`arwatch simulate`: a camera that is not there, of single scenes or of whole nights."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from arwatch import simulate as scenes
from arwatch.commands.options import say
from arwatch.errors import ArwatchError
from arwatch.simulate import nights
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def simulate(
    folder: Path,
    *,
    frames: int | None,
    interval: float | None,
    size: tuple[int, int] | None,
    scene: str,
    slow: bool,
    truth: bool,
    night: bool,
    events: str | None,
    seed: int | None,
) -> None:
    """Write frames into a folder and tell each one's path; what is None is as the kind of camera has it.

    Raises
    ------
    click.UsageError
        Options that do not go together.
    ArwatchError
        The night cannot be as it is wished for.
    """
    if not night:
        if events is not None or seed is not None:
            raise click.UsageError("--events and --seed are of a night: add --night")
        seen = scenes.SCENES[scene](*(size or (4024, 6024)))
        interval = 5.0 if interval is None else interval
        _tell(scenes.camera(folder, frames=frames or 10, interval_s=interval, scene=seen, slow=slow, truth=truth))
        return
    if slow or scene != "plain":
        raise click.UsageError("--slow and --scene are not of a night")
    height, width = size or (600, 900)
    kinds = None if events is None else [kind.strip() for kind in events.split(",") if kind.strip()]
    try:
        drawn = nights.night(1 if seed is None else seed, frames=frames or 300, height=height, width=width, kinds=kinds)
        _tell(nights.take_night(folder, drawn, interval_s=interval or 0.0, truth=truth))
    except (ValueError, FileExistsError) as error:
        raise ArwatchError(str(error)) from error
    day = (drawn.begin - timedelta(hours=12)).date()
    place = f"latitude_deg = {nights.LATITUDE_DEG} and longitude_deg = {nights.LONGITUDE_DEG}"
    say(f"next: `arwatch process {folder}` and `arwatch night {day}`; Sun and Moon are told where [site] has {place}")


def _tell(paths: Iterable[Path]) -> None:
    for path in paths:
        click.echo(printable(str(path)))
