"""`arwatch status`: does a daemon watch, and what has it done."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch.commands.options import say
from arwatch.commands.state import NoLedgerError, counts, daemons_state
from arwatch.daemon import lease
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.settings import Settings

NOT_RUNNING = 3
"""Exit code, as systemctl(1) has it."""
SHOWN = ("written", "failed", "settled", "working", "seen")
WORDS = {"settled": "waiting", "working": "in work", "seen": "arriving"}


def status(given: Sequence[Path], settings: Settings, path: Path | None) -> int:
    """Print who watches each folder, and the ledger's counts; gives the exit code."""
    folders = [Path(name).expanduser() for name in given or settings.watch.folders]
    if not folders:
        click.echo("no folders in the settings: name them, as in `arwatch status ~/captures`")
        return NOT_RUNNING
    watched = 0
    for folder in (folder.absolute() for folder in folders):
        who = lease.watcher(folder)
        watched += who is not None
        there = "is not watched" if folder.is_dir() else "is not there"
        click.echo(printable(f"{folder}: {f'watched by {who}' if who else there}"))
    try:
        found = counts(daemons_state(settings, path))
    except (NoLedgerError, sqlite3.Error) as error:
        say(str(error))
    else:
        click.echo("frames: " + ", ".join(f"{found.get(state, 0)} {WORDS.get(state, state)}" for state in SHOWN))
    if watched < len(folders):
        click.echo("`arwatch run` watches in a terminal,\n`sudo systemctl start arwatch` starts the service")
    return 0 if watched == len(folders) else NOT_RUNNING
