"""`arwatch status`: does a daemon watch, how does the night go, and is there anything to see to."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arwatch.commands.figures import as_object
from arwatch.commands.options import say
from arwatch.commands.state import daemons_state
from arwatch.commands.words import WORDS, condition_object, hours, local_time
from arwatch.daemon import lease
from arwatch.daemon.tonight import last_noon
from arwatch.errors import ArwatchError
from arwatch.ledger.nights import Nights
from arwatch.ledger.seen import frames_since
from arwatch.model.figures import line
from arwatch.night.causes import Cause
from arwatch.night.conditions import judge
from arwatch.night.totals import totals
from arwatch.output.naming import output_root
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arwatch.night.causes import Condition
    from arwatch.night.conditions import Night
    from arwatch.night.seen import Seen
    from arwatch.settings import Settings

VERSION = 1
"""Of the JSON (`status.schema.json`)."""
GOOD, ATTENTION, NOT_RUNNING = 0, 1, 3
"""Exit codes; the last one is systemctl(1)'s."""
SHOWN = ("written", "failed", "settled", "working", "seen")
WAITING = {"settled": "waiting", "working": "in work", "seen": "arriving"}
NATURAL = {Cause.MOON, Cause.TWILIGHT, Cause.NO_VERDICT, Cause.GOOD}
"""What calls for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that should be watched."""

    path: Path
    there: bool
    watcher: str | None
    free: int | None
    """Bytes on the disk of its outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that is known of the daemon and its night."""

    folders: tuple[Folder, ...]
    counts: Mapping[str, int] | None
    """Frames in each state, of all nights; None: there is no ledger that can be read."""
    night: Night | None
    """The frames since the last noon."""
    low: int
    """Bytes below which frames wait."""

    @property
    def last(self) -> Seen | None:
        """The last frame that has an output."""
        frames = self.night.frames if self.night else ()
        return next((frame for frame in reversed(frames) if frame.state != "failed"), None)

    @property
    def condition(self) -> Condition | None:
        """The most serious cause that is at work now."""
        return next(iter(self.night.now), None) if self.night else None

    @property
    def attention(self) -> list[str]:
        """What somebody should see to, a sentence each."""
        found = [f"{folder.path} is not there" for folder in self.folders if not folder.there]
        found += [
            f"the disk of {folder.path} has {folder.free >> 20} MiB left: frames wait"
            for folder in self.folders
            if folder.free is not None and folder.free < self.low
        ]
        if self.condition is not None and self.condition.cause not in NATURAL:
            found.append(f"{WORDS[self.condition.cause]}: {self.condition.evidence}")
        failed = sum(frame.state == "failed" for frame in self.night.frames) if self.night else 0
        if failed:
            found.append(f"{failed} failed tonight: arwatch failed")
        return found

    @property
    def code(self) -> int:
        """The exit code."""
        if not all(folder.watcher for folder in self.folders):
            return NOT_RUNNING
        return ATTENTION if self.attention else GOOD


def status(given: Sequence[Path], settings: Settings, path: Path | None, *, as_json: bool = False) -> int:
    """Print who watches each folder, and how the night goes; gives the exit code."""
    folders = [Path(name).expanduser() for name in given or settings.watch.folders]
    if not folders:
        click.echo("no folders in the settings: name them, as in `arwatch status ~/captures`")
        return NOT_RUNNING
    found = _look(folders, settings, path)
    if as_json:
        click.echo(json.dumps(_object(found)))
    else:
        click.echo("\n".join(map(printable, _lines(found))))
    return found.code


def _look(folders: Sequence[Path], settings: Settings, path: Path | None) -> Status:
    looked = tuple(_folder(folder.absolute(), settings) for folder in folders)
    counts, night = None, None
    try:
        with Nights(daemons_state(settings, path)) as history:
            counts = {str(s): n for s, n in (history.counts() | Counter(e.state for e in history.queue())).items()}
            frames = frames_since(history, last_noon(time.time()))
            night = judge(frames) if frames else None
    except (ArwatchError, sqlite3.Error) as error:
        say(str(error))
    return Status(folders=looked, counts=counts, night=night, low=settings.disk.min_free_mib << 20)


def _folder(path: Path, settings: Settings) -> Folder:
    try:
        free = shutil.disk_usage(output_root(settings.output, path)).free
    except OSError:
        free = None
    return Folder(path=path, there=path.is_dir(), watcher=lease.watcher(path), free=free)


def _lines(found: Status) -> list[str]:
    lines = []
    for folder in found.folders:
        there = "is not watched" if folder.there else "is not there"
        lines.append(f"{folder.path}: {f'watched by {folder.watcher}' if folder.watcher else there}")
    if found.counts is not None:
        lines.append("frames: " + ", ".join(f"{found.counts.get(s, 0)} {WAITING.get(s, s)}" for s in SHOWN))
    if found.night is not None:
        lines += _tonight(found, found.night)
    if found.code == NOT_RUNNING:
        lines += ["`arwatch run` watches in a terminal,", "`sudo systemctl start arwatch` starts the service"]
    return lines


def _tonight(found: Status, night: Night) -> list[str]:
    sums = totals(night.frames, night.causes)
    worth = "" if sums.effective_s is None else f", worth {hours(sums.effective_s)}"
    lines = [f"tonight: {sums.processed} frames, {hours(sums.exposure_s)} exposed{worth}"]
    poor = [f"{count} {WORDS[cause]}" for cause, count in sums.causes.items() if count and cause is not Cause.GOOD]
    lines += [f"  poor: {', '.join(poor)}"] if poor else []
    if (last := found.last) is not None:
        when = local_time(last.when, on_camera_clock=last.on_camera_clock)
        lines.append(f"last:    {last.path.name} of {when:%H:%M:%S}")
        lines += [f"  {words}"] if (words := line(last.figures, room=76)) else []
    if (condition := found.condition) is not None:
        since = local_time(condition.onset, on_camera_clock=bool(last and last.on_camera_clock))
        lines.append(f"now:     {WORDS[condition.cause]} since {since:%H:%M}: {condition.evidence}")
    elif last is not None:
        lines.append(f"now:     {WORDS[night.causes[-1]]}")
    lines += [f"! {sentence}" for sentence in found.attention]
    return lines


def _object(found: Status) -> dict[str, Any]:
    night, last = found.night, found.last
    sums = totals(night.frames, night.causes) if night else None
    figures = last.figures if last else None
    return {
        "version": VERSION,
        "state": {GOOD: "good", ATTENTION: "attention", NOT_RUNNING: "not running"}[found.code],
        "attention": found.attention,
        "folders": [
            {
                "path": str(folder.path),
                "there": folder.there,
                "watched_by": folder.watcher,
                "free_bytes": folder.free,
            }
            for folder in found.folders
        ],
        "queue": None
        if found.counts is None
        else {WAITING[state].replace(" ", "_"): found.counts.get(state, 0) for state in WAITING},
        "last": None if last is None else {"frame": last.path.name, "path": str(last.path), **as_object(last.figures)},
        "condition": None if night is None or not found.condition else condition_object(found.condition, night),
        "tonight": None
        if sums is None
        else {
            "frames": sums.processed,
            "failed": sums.failed,
            "exposure_s": sums.exposure_s,
            "effective_s": sums.effective_s,
            "poor": {cause.value: sums.causes[cause] for cause in Cause if cause is not Cause.GOOD},
        },
        "sun_deg": figures.sun_deg if figures else None,
        "moon_deg": figures.moon_deg if figures else None,
        "moon_part": figures.moon_part if figures else None,
    }
