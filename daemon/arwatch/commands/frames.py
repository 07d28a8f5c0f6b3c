"""Commands about frames that the daemon has dealt with: which failed, and another try."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from arwatch.commands.options import CONFIG, in_force, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.ledger.history import History


@click.command(short_help="Let failed frames be tried again.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="All failed frames.")
@CONFIG
def retry(paths: Sequence[Path], config: Path | None, *, everything: bool) -> None:
    """Let failed frames be tried again, at the daemon's next scan or start.

    With sudo it is the system's service whose frames are tried again.

    \b
    Example: arwatch retry --all
    The system's service: sudo arwatch retry --all
    """
    from arwatch.commands.failed import NONE
    from arwatch.ledger.store import Ledger
    from arwatch.platform.fs import is_absent

    if bool(paths) == everything:
        raise click.UsageError("name the frames to try again, or give --all")
    with _history(config) as history:
        failed = [record.path for record in history.failed()]
    given = [path.absolute() for path in paths]
    chosen = failed if everything else [path for path in given if path in failed]
    absent = set(filter(is_absent, chosen))
    ledger = Ledger(history.path.parent)
    for path in chosen:
        (ledger.vanished if path in absent else ledger.ask_again)(path)
    ledger.close()
    for path in absent:
        say(f"{path} is not there any more: nothing to try again")
    for path in given:
        if path not in failed:
            say(f"{path} is not among the failed frames of the daemon's ledger")
    again = len(chosen) - len(absent)
    click.echo(f"{again} of {len(failed)} failed frames will be tried again ({ledger.path})" if failed else NONE)
    sys.exit(0 if everything or again == len(paths) else 1)


@click.command(short_help="List the frames that failed.")
@click.option("--json", "as_json", is_flag=True, help="One object a line, for programs.")
@CONFIG
def failed(config: Path | None, *, as_json: bool) -> None:
    """List the frames that failed and were not dealt with since: why, and when.

    It may be asked at any time, whether the daemon runs or not. A frame leaves
    the list when it has become a FITS file, or is to be tried again.

    \b
    Example: arwatch failed --json
    The system's service: sudo arwatch failed
    """
    from arwatch.commands import failed as failures

    with _history(config) as history:
        failures.show(history, as_json=as_json)


def _history(config: Path | None) -> History:
    """Give the history that the daemon of these settings writes."""
    from arwatch.commands.state import daemons_state
    from arwatch.ledger.history import History

    return History(daemons_state(*in_force(config)))


COMMANDS = (retry, failed)
