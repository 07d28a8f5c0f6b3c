"""How the system's service is: does it run, and with what it should."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from arwatch.commands.check.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from arwatch.commands.account import Account


def findings(account: Account, settings: Path | None) -> Iterator[Finding]:
    """Look at the unit; asked as root."""
    unit = account.service.unit
    began = _running_since(account)
    if began is None:
        yield Finding("warn", "service", f"{unit} does not run: sudo systemctl enable --now {unit}")
        return
    yield Finding("ok", "service", f"{unit} runs; what follows is how its account sees it")
    for file in (account.service.file, account.service.drop_in):
        if _changed(file, began):
            yield Finding("warn", "service", f"{file} was changed since it began: sudo systemctl restart {unit}")
    if settings is not None and _changed(settings, began):
        yield Finding(
            "warn",
            "service",
            f"{settings} was changed since it began: sudo systemctl reload {unit}, if you have not done so"
            f" (after a change of folders or of [state]: restart instead of reload)",
        )


def _running_since(account: Account) -> float | None:
    """When the service's process began, seconds since 1970; None: it does not run, or systemd cannot be asked."""
    words = ("show", "--timestamp=unix", "--property=ActiveState,ExecMainStartTimestamp", account.service.unit)
    try:
        said = subprocess.run(  # noqa: S603 -- a fixed command
            account.service.systemctl(*words), capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return None
    values = dict(line.partition("=")[::2] for line in said.splitlines())
    began = values.get("ExecMainStartTimestamp", "").removeprefix("@")
    running = values.get("ActiveState") in {"active", "reloading", "activating"}
    return float(began) if running and began.isdigit() else None


def _changed(file: Path, since: float) -> bool:
    return file.exists() and file.stat().st_mtime > since + 1
