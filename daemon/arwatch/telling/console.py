"""The log for people: events as lines that are read at night, within 80 columns if they can be."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, ClassVar

from arwatch.model.figures import Figures, line
from arwatch.telling.events import EVENTS
from arwatch.telling.screen import WIDTH
from arwatch.telling.text import columns, printable, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from arwatch.telling.events import Event
    from arwatch.telling.outlet import Outlet
    from arwatch.telling.screen import Screen

LABEL = 15
"""Columns of the event's name."""
INDENT = 9 + LABEL + 1
"""Where facts begin: behind `HH:MM:SS`, a blank, the name and a blank."""
NAME = 40
"""Columns that a file's name takes at most."""
SHORTEST = 15
"""Columns that a file's name has at least, even if the line becomes too long by that."""


class Renderer:
    """Events as text: local time, name, frame, facts; the date on a line of its own when it changes.

    A reason of several lines, or one that is longer than the line, goes on below, indented. Nothing that a file's name
    or a reason contains can look like an event: control characters are replaced, and whatever goes on is indented.

    Parameters
    ----------
    colour : bool
        Whether warnings and failures are coloured; they have a sign in any case.
    everything : bool
        Whether also the steps on a frame's way (`frame.seen`) are lines.
    """

    COLOURS: ClassVar[dict[str, str]] = {"warning": "\x1b[33m", "error": "\x1b[31m", "debug": "\x1b[2m"}
    SIGNS: ClassVar[dict[str, str]] = {"warning": "!", "error": "✗"}

    def __init__(self, *, colour: bool, everything: bool = False) -> None:
        self._colour = colour
        self._everything = everything
        self._day: date | None = None

    def shows(self, event: Event) -> bool:
        """Whether the event is a line at all."""
        # how many steps were left out is of no interest to people who see none of them
        name = event.facts.get("events") if event.name == "log.suppressed" else event.name
        kind = EVENTS.get(str(name))  # None: an event of another version of arwatch
        return self._everything or kind is None or not kind.step

    def text(self, event: Event, width: int = WIDTH) -> str:
        """Give an event's lines, without the last line's end; `width`: columns, 80 or more."""
        local = event.time.astimezone()
        sign = self.SIGNS.get(event.level)
        label = f"{printable(event.name):<{LABEL - 2}} {sign}" if sign else printable(event.name)
        head = f"{local:%H:%M:%S} {label:<{LABEL}} "
        width = max(width, WIDTH)
        text = "\n".join(_lines(head, _facts(event, width - columns(head)), event.facts.get("reason"), width))
        if self._colour and (colour := self.COLOURS.get(event.level)):
            text = f"{colour}{text}\x1b[0m"
        if local.date() != self._day:
            self._day = local.date()
            text = f"{self._day.isoformat()}\n{text}"
        return text


class Console:
    """Writes each event as a line for people.

    Parameters
    ----------
    screen : Screen
        Where the lines go.
    everything : bool
        Whether also the steps on a frame's way are lines.
    progress : bool
        Whether a progress line tells of the backlog, so that no other line has to.
    """

    def __init__(self, screen: Screen, *, everything: bool, progress: bool) -> None:
        self._screen = screen
        self._renderer = Renderer(colour=screen.colour, everything=everything)
        self._untold = {"backlog.progress"} if progress and not everything else set()

    def take(self, event: Event) -> None:
        """Write a line if the event is one."""
        if self._renderer.shows(event) and event.name not in self._untold:
            self._screen.line(self._renderer.text(event, self._screen.width))


def make(outlet: Outlet) -> Console | None:
    """Write lines for people where people read; with `level = "debug"` they see every event."""
    return Console(outlet.screen, everything=outlet.everything, progress=outlet.progress) if outlet.people else None


def _facts(event: Event, room: int) -> str:
    """Give facts as people read them, in `room` columns if that can be; the reason is not among them."""
    if event.name == "frame.written":
        return _written(event.facts, room)
    # one line a frame: where its output lies is in JSON and in the journal
    untold = {"reason", "path"} | ({"output"} if event.name == "frame.skipped" else set())
    facts = {name: value for name, value in event.facts.items() if name not in untold and value is not None}
    frame, folder = facts.pop("frame", None), facts.pop("folder", None)
    parts = [_value(folder)] if folder is not None else []
    parts += [f"{name}={_value(value)}" for name, value in facts.items()]
    return " ".join(([] if frame is None else [_name(frame, room - columns(" ".join(parts)) - 1)]) + parts)


def _written(facts: Mapping[str, object], room: int) -> str:
    """Give the frame and what is known of it; as far as there is room also how many wait, and seconds of work."""
    figures = Figures.of(facts)
    name = _name(facts.get("frame", ""), room - len(line(figures)) - 1)
    text = f"{name} {line(figures, room=room - columns(name) - 1)}".rstrip()
    for more in (f" {waiting} wait" if (waiting := facts.get("waiting")) else "", f" {figures.work_s:.1f}s work"):
        text += more if columns(text + more) <= room else ""
    return text


def _lines(head: str, facts: str, reason: object, width: int) -> list[str]:
    """Give the event's first line and those on which its reason goes on."""
    first, *more = [""] if reason is None else [printable(text) for text in str(reason).split("\n")]
    lines = _wrapped(head, f"{facts} · {first}" if facts and first else facts or first, INDENT, width)
    for text in more:
        indent = INDENT + min(len(text) - len(text.lstrip()), 8)
        lines += _wrapped(" " * indent, text.strip(), indent + 2, width)
    return lines


def _wrapped(begin: str, text: str, indent: int, width: int) -> list[str]:
    """Break prose between words; what is longer than a line, such as a path, stays whole so that it can be copied."""
    if columns(begin + text) <= width:
        return [(begin + text).rstrip()]
    return textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _name(frame: object, room: int) -> str:
    """Give a frame's name without its folder, cut in the middle where it would fill the line."""
    text = printable(os.path.basename(str(frame)))  # noqa: PTH119 -- the name may hold any bytes
    return shorten(text, min(NAME, max(room, SHORTEST)))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return ",".join(printable(str(item)) for item in value)
    return printable(str(value))
