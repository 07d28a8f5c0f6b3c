"""What `arwatch process` did goes into the history, beside what a daemon does: `arwatch night` tells of both."""

from __future__ import annotations

import os
import sqlite3
import traceback
from contextlib import closing
from typing import TYPE_CHECKING

from arwatch.commands.account import account_of
from arwatch.commands.options import say
from arwatch.errors import ArwatchError
from arwatch.ledger.store import Ledger
from arwatch.model.outcome import Skipped, Written
from arwatch.platform.paths import state_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from arwatch.commands.account import Account
    from arwatch.settings import Settings
    from arwatch.work.happenings import Ended


def remember(ends: Sequence[Ended], settings: Settings, path: Path | None) -> None:
    """Add frames that have their outputs to the ledger of these settings' daemon.

    Root adds them as the service's account where the settings are a system service's. What hinders that is said in a
    line: the outputs are there all the same.

    Parameters
    ----------
    ends
        Frames that have ended.
    settings
        As read.
    path
        Their file.
    """
    kept = [end for end in ends if isinstance(end.outcome, (Written, Skipped))]
    if not kept:
        return
    account = account_of(path)
    if account is None:
        _add(kept, settings)
    else:
        _as_account(account, kept, settings)


def _as_account(account: Account, ends: Sequence[Ended], settings: Settings) -> None:
    """Add them in a process of its own: becoming the account is for good."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        account.become()
        _add(ends, settings)
    except BaseException:  # noqa: BLE001 -- nothing of the parent's may run twice
        traceback.print_exc()
    finally:
        os._exit(0)


def _add(ends: Sequence[Ended], settings: Settings) -> None:
    try:
        with closing(Ledger(state_folder(settings.state))) as ledger:
            for end in ends:
                _add_one(ledger, end)
    except (ArwatchError, sqlite3.Error, OSError) as error:
        say(f"`arwatch night` will not know these frames: {error}")


def _add_one(ledger: Ledger, end: Ended) -> None:
    """Let a frame live its life in the ledger at once."""
    outcome, source = end.outcome, end.job.source
    known = ledger.get(source.path)
    if isinstance(outcome, Skipped) and known is not None and known.has_output:
        return
    if not isinstance(outcome, (Written, Skipped)):
        return
    with ledger.transaction():
        ledger.saw(source.path, live=False)
        ledger.settled(source.path, source.look)
        ledger.started(source.path, outcome.output, end.recipe)
        if isinstance(outcome, Skipped):
            ledger.written(source.path, outcome.size, outcome.figures, recipe=outcome.recipe, skipped=True)
        else:
            ledger.written(
                source.path, outcome.size, outcome.figures, sighting=outcome.sighting, field=outcome.field
            )
