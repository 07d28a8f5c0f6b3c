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
from arwatch.model.outcome import Failed, Skipped
from arwatch.output.naming import output_folder
from arwatch.platform.paths import state_folder
from arwatch.process.stages import recipe

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from arwatch.commands.process import Found
    from arwatch.settings import Settings
    from arwatch.work.happenings import Ended


class Memory:
    """Frames that have their outputs, until they are added to the ledger of their settings' daemon.

    Parameters
    ----------
    found
        All frames that are to be processed.
    settings
        As in their file. Outputs that went elsewhere than these say are not remembered: a daemon would take the frames
        for done.
    path
        Of the settings' file.
    """

    def __init__(self, found: Iterable[Found], settings: Settings, path: Path | None) -> None:
        self._roots = {frame.path: frame.root for frame in found}
        self._settings = settings
        self._path = path
        self._ends: list[Ended] = []

    def ended(self, end: Ended) -> None:
        """Take note of a frame's end."""
        source = end.job.source.path
        wanted = output_folder(source, self._roots[source], self._settings.output)
        if not isinstance(end.outcome, Failed) and end.outcome.output.parent == wanted:
            self._ends.append(end)

    def keep(self) -> None:
        """Add the frames to the ledger; what hinders that is said in a line, the outputs are there all the same.

        Root adds them as the service's account where the settings are a system service's: in a process of its own,
        because becoming the account is for good.
        """
        account = account_of(self._path) if self._ends else None
        if account is None:
            self._add()
        elif child := os.fork():
            os.waitpid(child, 0)
        else:
            try:
                account.become()
                self._add()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        self._ends = []

    def _add(self) -> None:
        if not self._ends:
            return
        try:
            with closing(Ledger(state_folder(self._settings.state))) as ledger:
                for end in self._ends:
                    _add(ledger, end)
        except (ArwatchError, sqlite3.Error, OSError) as error:
            say(f"`arwatch night` will not know these frames: {error}")


def _add(ledger: Ledger, end: Ended) -> None:
    """Let a frame live its whole life in the ledger in one step."""
    outcome, source = end.outcome, end.job.source
    if isinstance(outcome, Failed):
        return
    known = ledger.get(source.path)
    if isinstance(outcome, Skipped) and known is not None and known.has_output:
        return
    with ledger.together():
        ledger.saw(source.path, live=False)
        ledger.settled(source.path, source.look)
        ledger.started(source.path, outcome.output, recipe(end.job.settings))
        if isinstance(outcome, Skipped):
            ledger.written(source.path, outcome.size, outcome.figures, recipe=outcome.recipe, skipped=True)
        else:
            ledger.written(source.path, outcome.size, outcome.figures, sighting=outcome.sighting, field=outcome.field)
