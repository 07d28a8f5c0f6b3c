"""`arwatch logs`: a service's journal in the form that people read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arwatch.errors import ArwatchError
from arwatch.telling.console import Renderer
from arwatch.telling.events import LEVELS, Event
from arwatch.telling.journal import PRIORITY
from arwatch.telling.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arwatch.telling.events import Level

LINES = 20
"""Events that are shown of what was before."""
JOURNALS = (Path("/var/log/journal"), Path("/run/log/journal"))
"""Where systemd-journald(8) keeps what it writes."""


class JournalError(ArwatchError):
    """The journal cannot be read, or has nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries of which service."""

    unit: str
    """The service, such as `arwatch` or `arwatch@north`."""
    user: bool = False
    """Whether it is one of the user's own services, not of the system's."""
    lines: int | None = None
    """Events of before, the newest ones; None: `LINES`, or all where `since` is given."""
    since: str | None = None
    """Not older than this, in a form that journalctl(1) reads."""
    priority: str | None = None
    """Of this level or a graver one."""
    failed: bool = False
    """Only what went wrong with frames."""

    @property
    def service(self) -> str:
        """The unit's whole name."""
        return self.unit if self.unit.endswith(".service") else f"{self.unit}.service"

    @property
    def command(self) -> list[str]:
        """How journalctl is asked for the service."""
        unit = f"--{'user-' if self.user else ''}unit={self.service}"
        # without --all a long message is left out
        return ["journalctl", unit, "--output=json", "--all", "--no-pager"]

    @property
    def filters(self) -> list[str]:
        """How journalctl is told what to leave out."""
        level = self.priority or ("warning" if self.failed else None)
        since = [f"--since={self.since}"] if self.since is not None else []
        return [*since, *([f"--priority={PRIORITY[level]}"] if level else [])]

    def shows(self, event: Event) -> bool:
        """Whether an event is among what is asked for."""
        return not self.failed or (event.name.startswith("frame.") and LEVELS[event.level] >= LEVELS["warning"])


def show(wanted: Wanted, *, follow: bool) -> int:
    """Print a service's journal, and go on until Ctrl-C if asked to; gives the exit code.

    Raises
    ------
    JournalError
        There is no journal here, it cannot be read, it has nothing of this service, or what was asked for is not
        understood; the text says what to do.
    """
    if shutil.which("journalctl") is None:
        raise JournalError("there is no systemd journal here: a service's log is where its supervisor puts it")
    screen = Screen(sys.stdout)
    renderer = Renderer(colour=screen.colour, everything=wanted.priority == "debug")
    try:
        newest = next(iter(_read([*wanted.command, "--lines=1"])), None)
        if newest is None:
            raise JournalError(_why_nothing(wanted, JOURNALS))
        shown, after = _history(wanted, renderer, newest)
        for event in shown:
            screen.line(renderer.text(event, screen.width))
        if not shown and wanted.lines != 0:
            print(f"nothing of {wanted.service} matches{' yet' if follow else ''}", file=sys.stderr)  # noqa: T201
        if follow:
            # all that came since the newest entry that was looked at
            command = [*wanted.command, *wanted.filters, "--follow", "--no-tail", f"--after-cursor={after}"]
            for event in filter(wanted.shows, filter(renderer.shows, events(_read(command)))):
                screen.line(renderer.text(event, screen.width))
    except (KeyboardInterrupt, BrokenPipeError):
        with contextlib.suppress(OSError):  # head(1) is content with what it got
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 -- until the end
    return 0


def events(entries: Iterable[bytes]) -> Iterator[Event]:
    """Understand journal entries (`journalctl -o json`): events of arwatch, and what systemd says of the service."""
    for line in entries:
        with contextlib.suppress(ValueError, TypeError):  # half a line, of a journalctl that was killed
            entry = json.loads(line)
            yield _told_by_arwatch(entry) or _told_by_others(entry)


def _history(wanted: Wanted, renderer: Renderer, newest: bytes) -> tuple[list[Event], str]:
    """Give the events of before in their order, and the journal's position (a cursor) behind them."""
    lines = wanted.lines if wanted.lines is not None else None if wanted.since is not None else LINES
    after, shown = newest, []
    if lines != 0:
        for number, entry in enumerate(_read([*wanted.command, *wanted.filters, "--reverse"])):
            after = entry if number == 0 else after
            shown += [event for event in events([entry]) if renderer.shows(event) and wanted.shows(event)]
            if len(shown) == lines:
                break
    return shown[::-1], str(json.loads(after)["__CURSOR"])


def _read(command: list[str]) -> Iterator[bytes]:
    """Give what journalctl prints, line by line; it is stopped when nobody wants more.

    Raises
    ------
    JournalError
        journalctl failed, and printed nothing but its reason.
    """
    stderr = None if "--follow" in command else subprocess.PIPE
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as reader:  # noqa: S603 -- our own arguments
        assert reader.stdout is not None  # noqa: S101 -- a pipe was asked for
        empty = True
        try:
            for line in reader.stdout:
                empty = False
                yield line
        except (GeneratorExit, KeyboardInterrupt):
            reader.terminate()
            raise
        said = reader.stderr.read().decode(errors="replace").strip() if reader.stderr else ""
        # without any journal, and without the right to read one, it ends with 1, too: that is explained elsewhere
        if empty and reader.wait() != 0 and "ournal files were" not in said:
            forms = ": write 21:30, yesterday, -2h or '2026-11-21 20:00'" if "timestamp" in said else ""
            raise JournalError(f"{said or 'journalctl failed'} (journalctl){forms}")


def _why_nothing(wanted: Wanted, folders: Iterable[Path]) -> str:
    """Say why the journal has nothing of a service, and which command mends that."""
    own = f"user-{os.getuid()}"
    folders = [place for folder in folders for place in (folder, *folder.glob("*/"))]
    files = [path for folder in folders for path in folder.glob("*.journal*")]
    closed = any(folder.exists() and not os.access(folder, os.R_OK | os.X_OK) for folder in folders)
    readable = {path.name.split(".")[0].split("@")[0] for path in files if os.access(path, os.R_OK)}
    status = f"systemctl {'--user ' if wanted.user else ''}status {wanted.service}"
    if not files and not closed:
        return "this machine's journal is empty: see whether it is kept at all: systemctl status systemd-journald"
    if "system" not in readable and not (wanted.user and own in readable):
        mend = "sudo usermod -aG systemd-journal $USER, then log in again"
        return f"your account may not read the journal of {wanted.service}: {mend}"
    return f"the journal has nothing of {wanted.service}: see whether it is installed and was started: {status}"


def _told_by_arwatch(entry: dict[str, Any]) -> Event | None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        facts = json.loads(_message(entry))
        name, level, time = facts.pop("event"), facts.pop("level"), datetime.fromisoformat(facts.pop("time"))
        if level in LEVELS:
            return Event(str(name), level, time, facts)
    return None


def _told_by_others(entry: dict[str, Any]) -> Event:
    when = datetime.fromtimestamp(int(entry.get("__REALTIME_TIMESTAMP", 0)) / 1e6, UTC)
    priority = int(entry.get("PRIORITY", PRIORITY["info"]))
    level: Level = "error" if priority <= 3 else "warning" if priority == 4 else "info"
    return Event(str(entry.get("SYSLOG_IDENTIFIER", "")), level, when, {"reason": _message(entry)})


def _message(entry: dict[str, Any]) -> str:
    message = entry.get("MESSAGE") or ""
    return message if isinstance(message, str) else bytes(message).decode("utf-8", "replace")
