"""All checks in their order; root looks at a service as the service sees it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from arwatch.commands.account import account_of, service_of, with_sudo
from arwatch.commands.check import machine, rim, service
from arwatch.commands.check.finding import Finding
from arwatch.commands.check.folders import Folders
from arwatch.commands.options import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from arwatch.settings import Settings

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def check(settings: Settings, path: Path | None) -> int:
    """Print all findings; gives the number of those that keep arwatch from working.

    Parameters
    ----------
    settings
        As read.
    path
        Their file. If it is a system service's, root becomes the service's account for the rest of this process.
    """
    console = Console()
    failed = 0
    for finding in _findings(settings, path):
        failed += finding.state == "fail"
        state = finding.state if finding.state != "fail" else "FAIL"
        line = f"{state:<4} {finding.what:<12} {finding.how}"
        text = Text("\n".join(broken(line, console.width, indent=18)) if console.is_terminal else line)
        text.stylize(COLOURS[finding.state], 0, 4)
        console.print(text, soft_wrap=True)
    console.print("ready" if not failed else f"not ready: {failed} to mend", highlight=False)
    return failed


def _findings(settings: Settings, path: Path | None) -> Iterator[Finding]:
    yield Finding("ok", "settings", f"{path} is valid" if path else "no file: the defaults")
    account = account_of(path)
    if account is not None:
        yield from service.findings(account, path)
    elif (unit := service_of(path)) is not None:
        how = f"you see the folders as yourself; as the service does: {with_sudo(unit, 'check')}"
        yield Finding("warn", "service", how)
    names = [*settings.watch.folders, settings.output.folder, settings.state.folder, settings.preview.folder]
    with Folders([Path(name).expanduser().absolute() for name in names if name], account) as folders:
        if account is not None:
            account.become()
        yield from folders.findings(settings)
    yield from machine.findings(settings, confined=account is not None)
    with suppress(ImportError):  # where the service's account may not read the program: told by then
        yield from rim.findings(settings)
