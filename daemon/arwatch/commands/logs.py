"""`arwatch logs`: a service's journal in the form that people read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from arwatch.errors import ArwatchError
from arwatch.telling.log import ConsoleRenderer
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class JournalError(ArwatchError):
    """The journal cannot be read."""


def show(unit: str, *, user: bool, lines: int, follow: bool) -> int:
    """Print a service's journal until it ends or Ctrl-C; gives the exit code.

    Raises
    ------
    JournalError
        There is no journal here, or nothing of this service in it.
    """
    if shutil.which("journalctl") is None:
        raise JournalError("there is no systemd journal here")
    name = unit if unit.endswith(".service") else f"{unit}.service"
    command = ["journalctl", "--user-unit" if user else "--unit", name, "--output=json", f"--lines={lines}"]
    # stderr stays the terminal's: journalctl itself says who may read the journal
    with subprocess.Popen([*command, *(["--follow"] if follow else [])], stdout=subprocess.PIPE) as reader:  # noqa: S603
        assert reader.stdout is not None  # noqa: S101 -- a pipe was asked for
        shown = False
        try:
            for line in rendered(reader.stdout, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ):
                print(line, flush=True)  # noqa: T201 -- what this command is for
                shown = True
        except (KeyboardInterrupt, BrokenPipeError):
            reader.terminate()
            with contextlib.suppress(OSError):  # head(1) is content with what it got
                sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 -- until the end
            return 0
    if not shown:
        raise JournalError(f"the journal has nothing of {name}: is it installed, and may you read the journal?")
    return reader.returncode


def rendered(entries: Iterable[bytes], *, colour: bool) -> Iterator[str]:
    """Render journal entries (`journalctl -o json`): events of arwatch, and what systemd says of the service."""
    render = ConsoleRenderer(colour=colour)
    for line in entries:
        event = _event(json.loads(line))
        try:
            yield render(None, "", event)
        except (KeyError, TypeError, ValueError):  # an event as another version of arwatch told it
            yield printable(str(event))


def _event(entry: dict[str, Any]) -> dict[str, Any]:
    message = entry.get("MESSAGE") or ""
    text = message if isinstance(message, str) else bytes(message).decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        event = json.loads(text)
        if isinstance(event, dict) and "event" in event:
            return event
    when = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1e6, UTC)
    priority = int(entry.get("PRIORITY", 6))
    level = "error" if priority <= 3 else "warning" if priority == 4 else "info"
    return {"time": when.isoformat(), "level": level, "event": entry.get("SYSLOG_IDENTIFIER", ""), "reason": text}
