"""`arwatch failed`: the frames that failed and were not dealt with since, for people or for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from arwatch.telling.text import printable

if TYPE_CHECKING:
    from arwatch.ledger.history import History
    from arwatch.ledger.records import Record

NONE = "no frame has failed that was not dealt with"


def show(history: History, *, as_json: bool) -> None:
    """Print the failed frames, the first one first."""
    records = history.failed()
    if as_json:
        for record in records:
            click.echo(json.dumps(_facts(record)))
        return
    if not records:
        click.echo(NONE)
        return
    for record in records:
        when = datetime.fromtimestamp(_when(record)).astimezone().strftime("%Y-%m-%d %H:%M")
        tried = "not tried" if not record.attempts else f"attempt {record.attempts}"
        # a path of any length stays on a line of its own, to be copied from there
        click.echo(f"{when}  {printable(str(record.path))}")
        click.echo(f"    {record.code}, {tried}: {printable(record.reason or '')}")
    click.echo(f"{len(records)} failed; once the reason is mended: arwatch retry PATH, or arwatch retry --all")


def _facts(record: Record) -> dict[str, object]:
    return {
        "path": str(record.path),
        "code": record.code,
        "reason": record.reason,
        "final": record.final,
        "attempts": record.attempts,
        "when": datetime.fromtimestamp(_when(record), UTC).isoformat(timespec="seconds"),
    }


def _when(record: Record) -> float:
    """Seconds since 1970."""
    return record.recorded if record.ended is None else record.ended
