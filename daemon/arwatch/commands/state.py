"""Where the daemon of some settings keeps its ledger, for commands that read or change it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from arwatch.commands.account import account_of, service_of, state_of, with_sudo
from arwatch.errors import ArwatchError
from arwatch.ledger.database import NAME
from arwatch.ledger.history import History
from arwatch.platform.paths import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.settings import Settings


class NoLedgerError(ArwatchError):
    """There is no ledger, or it is another account's."""


def daemons_state(settings: Settings, path: Path | None) -> Path:
    """Give the state folder of the daemon that reads these settings, as who may write there.

    Root becomes the service's account where the settings are a system service's, for the rest of this process: no
    file of root's own is left there, which the service could not write to.

    Parameters
    ----------
    settings
        As read.
    path
        Their file.

    Raises
    ------
    NoLedgerError
        There is none, or it belongs to the system's service and we are not root; the text says what to do.
    """
    account = account_of(path)
    if account is not None:
        account.become()
    state = state_folder(settings.state)
    if os.path.exists(state / NAME):  # noqa: PTH110 -- a folder that may not be looked into counts as absent
        return state
    service = service_of(path)
    if service is not None and account is None:
        raise NoLedgerError(
            f"you have no ledger in {state}, and that of the system's service in {state_of(service)} is open to its"
            f" account only: {with_sudo(service, *sys.argv[1:])}"
        )
    raise NoLedgerError(
        f"there is no ledger in {state}: no arwatch has run with {path or 'the default settings'} yet; if yours has"
        " others, name them by --config"
    )


def counts(state: Path) -> dict[str, int]:
    """Count the frames in each state (`written`, `failed`, ...) without changing anything."""
    with History(state) as history:
        waiting = Counter(entry.state for entry in history.queue())
        return {str(name): count for name, count in (history.counts() | waiting).items()}
