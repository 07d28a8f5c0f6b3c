"""What several commands share: options, and the settings that they read."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch.telling.text import printable

if TYPE_CHECKING:
    from arwatch.settings import Settings

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings; else those of ARWATCH_CONFIG, ~/.config/arwatch or /etc/arwatch.",
)
SMALLEST = 32
"""Pixels of a frame's edge that the simulated camera makes at least."""


class Size(click.ParamType[tuple[int, int]]):
    """HEIGHTxWIDTH in pixels."""

    name = "HxW"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read `4024x6024`."""
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(value).lower())
        if not found or min(int(found[1]), int(found[2])) < SMALLEST:
            self.fail(f"{value!r} is no size: HEIGHTxWIDTH, each {SMALLEST} or more, such as 4024x6024", param, ctx)
        return int(found[1]), int(found[2])


class Moment(click.ParamType[float]):
    """A time as people write it."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read `20:30`, `yesterday`, `2h` or `2026-11-21 20:30`: seconds since 1970."""
        if isinstance(value, float):
            return value
        moment = moment_of(str(value), datetime.now().astimezone())
        if moment is None:
            self.fail(f"{value!r} is no time: write 20:30, yesterday, 2h or '2026-11-21 20:30'", param, ctx)
        return moment.timestamp()


def moment_of(text: str, now: datetime) -> datetime | None:
    """Give the moment that a text names, in the zone of `now`; None: it names none.

    A time of day is the last one that has been: at 01:00, `20:30` is yesterday's.
    """
    text = text.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text in {"now", "today", "yesterday"}:
        return {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}[text]
    if ago := re.fullmatch(r"-?(\d{1,4})\s*(min|h|d)(?:\s+ago)?", text):
        return (
            now - int(ago[1]) * {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[ago[2]]
        )
    try:
        if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", text):
            clock = datetime.strptime(text.zfill(5), "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()  # noqa: DTZ007
            that = datetime.combine(now.date(), clock, now.tzinfo)
            return that if that <= now else that - timedelta(days=1)
        that = datetime.fromisoformat(text)
    except ValueError:
        return None
    return that if that.tzinfo else that.replace(tzinfo=now.tzinfo)


def say(text: str) -> None:
    """Explain on stderr; names in the text may hold anything, its lines stay lines."""
    lines = [printable(line) for line in f"arwatch: {text}".split("\n")]
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [part for line in lines for part in broken(line, width)]
    click.echo("\n".join(lines), err=True)


def broken(line: str, width: int, indent: int | None = None) -> list[str]:
    """Break a line between words; a path, and what is to be typed, stay in one piece to be copied.

    Parameters
    ----------
    line
        Without line breaks.
    width
        Columns.
    indent
        Of the second and further lines; None: two columns more than the line itself.
    """
    whole = re.sub(r"`[^`]*`|\b(?:sudo|mkdir|chmod) [^`,;]*", lambda found: found[0].replace(" ", "\0"), line)
    indent = len(line) - len(line.lstrip()) + 2 if indent is None else indent
    parts = textwrap.wrap(whole, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return [part.replace("\0", " ") for part in parts] or [line]


def in_force(config: Path | None) -> tuple[Settings, Path | None]:
    """Read the settings that are meant, and say on a terminal where they are from.

    Parameters
    ----------
    config
        As given by --config.

    Returns
    -------
    settings : Settings
    path : Path or None
        Their file; None: there is none, these are the defaults.
    """
    from arwatch.settings import find, load

    path = find(config)
    settings = load(path)
    if sys.stderr.isatty():
        say(f"settings: {path}" if path else "no settings file: defaults")
    return settings, path
