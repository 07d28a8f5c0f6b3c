"""A new or earlier ledger -> one of this version, in one transaction: what is killed in the middle changes nothing.

A change of the tables is a new version: its statements in `schema.STATEMENTS`, and a step here that brings the version
before up to it, with all that it holds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from arwatch.ledger import schema
from arwatch.ledger.columns import FIRST_VERSION, columns_of_figures, key_of
from arwatch.ledger.faults import DamagedLedgerError
from arwatch.ledger.records import read_first_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from arwatch.ledger.database import Database

_PAGE = 1000
"""Rows that are held in memory at a time."""


def bring_up_to_date(db: Database, now: float) -> bool:
    """Make the tables of this version; gives whether the ledger is a new one.

    Parameters
    ----------
    db : Database
        Of any version up to this one, or empty.
    now : float
        Seconds since 1970.

    Raises
    ------
    LedgerError
        The ledger is of a later version.
    DamagedLedgerError
        Its tables or rows are not what its version has.
    """
    if db.fault() is None:
        return False
    with db.transaction():
        if db.ask(schema.is_empty):
            db.ask(schema.create)
            _set_version(db)
            return True
        version = db.ask(schema.version_of)
        if version not in _STEPS or not db.ask(partial(schema.is_of, version=version)):
            # another process may have been quicker
            if (fault := db.fault()) is not None:
                raise fault
            return False
        for before in range(version, schema.VERSION):
            _STEPS[before](db, now)
        _set_version(db)
        if (fault := db.fault()) is not None:  # tables that were there before are not what they should be
            raise fault
    return False


def _set_version(db: Database) -> None:
    db.run(f"PRAGMA user_version = {schema.VERSION}")


def _from_1(db: Database, now: float) -> None:
    """Version 1 had one table with a row for each frame; ended frames become the first rows of their histories."""
    for index in ("queue", "retries", "states", "outputs"):
        db.run(f"DROP INDEX {index}")  # their names are those of tables now
    db.ask(partial(schema.create, version=2))
    for row in _rows_of_1(db):
        values = row | {"path": key_of(row["path"]), "output": row["output"] and key_of(row["output"])}
        if row["state"] in schema.QUEUED:
            _insert(db, "queue", values, _OF_1_IN_QUEUE)
        else:
            values |= columns_of_figures(row["facts"]) | {"recorded": now}
            _insert(db, "history", values, _OF_1_IN_HISTORY)
    db.run("DROP TABLE frames")


def _rows_of_1(db: Database) -> Iterator[dict[str, Any]]:
    last = b""
    statement = f"SELECT {', '.join(FIRST_VERSION)} FROM frames WHERE path > ? ORDER BY path LIMIT {_PAGE}"
    while rows := db.rows(statement, (last,)):
        for row in rows:
            values = read_first_version(row)
            if row[0] <= last:
                raise DamagedLedgerError(f"{db.path} is damaged: its rows are out of order")
            last = row[0]
            yield values


def _insert(db: Database, table: str, values: dict[str, Any], columns: tuple[str, ...]) -> None:
    marks = ", ".join(f":{name}" for name in columns)
    db.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", {name: values[name] for name in columns})


def _from_2(db: Database, _now: float) -> None:
    """Version 2 knew nothing of stars; where only the number of the version is damaged, the tables are there."""
    for statement in schema.MEASURED:
        db.run(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))


_SHARED = ("path", "state", "size", "mtime_ns", "recipe", "live", "attempts", "seen", "settled", "started", "output")
_OF_1_IN_QUEUE = (*_SHARED, "not_before")
_OF_1_IN_HISTORY = (
    *_SHARED,
    *("ended", "code", "reason", "final", "output_size"),
    *("taken", "exposure_s", "iso", "figures", "work_s", "recorded"),
)
_STEPS: dict[int, Callable[[Database, float], None]] = {1: _from_1, 2: _from_2}
"""Version -> what brings it to the next one."""
