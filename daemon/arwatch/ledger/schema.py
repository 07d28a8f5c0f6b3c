"""The tables of every version of the ledger, and whether a file has those of the version that it claims.

A frame's states, and the table that holds each of them::

      a new or changed file                   arwatch retry
                |                                   |
                v          the next scan            v
             [seen] <---------------------------- [asked] <-------------.
                | complete                                              |
                v                  again, after a delay                 |
            [settled] <----------------------.                          |
                | a worker is free           |                          |
                v                            |                          |
            [working] -----------------------'                          |
                |                                                       |      queue: one row a frame, changes
    ------------+-------------------------------------------------------+---------------------------------------
                v                                                       |      history: one row a life, never changes
        written | skipped | failed | gone ------------------------------'

A frame's state is that of its row in the queue; where it has none, that of its newest row in the history.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from typing import TYPE_CHECKING

from arwatch.ledger.faults import DamagedLedgerError, LedgerError

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 3
QUEUED = ("asked", "seen", "settled", "working")
"""States of a frame that waits for something."""
ENDED = ("written", "skipped", "failed", "gone")
"""States in which a frame's life has ended."""
RESULTS = ("written", "skipped", "failed", "dropped")
"""Ends of an attempt; dropped: the daemon ended, or the file changed or vanished meanwhile."""


NEWEST = (
    "number = (SELECT max(number) FROM history WHERE path = life.path)"
    " AND NOT EXISTS (SELECT 1 FROM queue WHERE path = life.path)"
)
"""Condition for a row of `history AS life` to be the state of its frame now."""

_VERSION_1 = (
    """CREATE TABLE frames (
        path BLOB PRIMARY KEY,
        state TEXT NOT NULL,
        size INTEGER, mtime_ns INTEGER,
        recipe TEXT,
        live INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0,
        seen REAL, settled REAL, started REAL, ended REAL,
        code TEXT, reason TEXT, final INTEGER,
        output BLOB, output_size INTEGER, facts TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX queue ON frames (live DESC, mtime_ns, path) WHERE state = 'settled'",
    "CREATE INDEX retries ON frames (not_before) WHERE state = 'settled' AND not_before > 0",
    "CREATE INDEX states ON frames (state)",
    "CREATE INDEX outputs ON frames (output) WHERE output IS NOT NULL",
)

_VERSION_2 = (
    # What is to be done: frames seen, settled, in work, and those that a user asked to be tried again. A frame's row
    # goes when its life ends. Times are seconds since 1970.
    """CREATE TABLE queue (
        path BLOB PRIMARY KEY,              -- as the file system has it: any bytes
        state TEXT NOT NULL,                -- asked, seen, settled, working
        size INTEGER, mtime_ns INTEGER,     -- of the source when it was last looked at
        recipe TEXT,                        -- digest of the settings that shape the output
        output BLOB,                        -- the name that the output has or had last
        live INTEGER NOT NULL DEFAULT 0,    -- 1: arrived while we watched, goes before the backlog
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0, -- a frame that is tried again waits until then
        seen REAL NOT NULL, settled REAL, started REAL
    ) WITHOUT ROWID""",
    "CREATE INDEX queue_order ON queue (live DESC, mtime_ns, path) WHERE state = 'settled'",
    "CREATE INDEX queue_retries ON queue (not_before) WHERE state = 'settled' AND not_before > 0",
    "CREATE INDEX queue_outputs ON queue (output) WHERE output IS NOT NULL",
    # What was: a row for each ended life of a frame. Rows are added, and removed when they are older than is to be
    # kept; none is ever changed.
    """CREATE TABLE history (
        number INTEGER PRIMARY KEY,         -- counts up: of two rows the later one has the higher number
        path BLOB NOT NULL,
        state TEXT NOT NULL,                -- written, skipped (the output was there), failed, gone
        size INTEGER, mtime_ns INTEGER,     -- of the source
        taken TEXT, exposure_s REAL, iso INTEGER, -- out of the figures, to search by
        figures TEXT,                       -- JSON of what is known of the frame
        recipe TEXT, output BLOB, output_size INTEGER,
        code TEXT, reason TEXT,             -- of a failure
        final INTEGER NOT NULL,             -- 1: another attempt at the same bytes fails in the same way
        work_s REAL,                        -- seconds that the stages took
        attempts INTEGER NOT NULL, live INTEGER NOT NULL,
        seen REAL NOT NULL, settled REAL, started REAL, ended REAL,
        recorded REAL NOT NULL,             -- when this row was made
        version TEXT                        -- of arwatch; NULL: before this was recorded
    )""",
    "CREATE INDEX history_paths ON history (path)",
    "CREATE INDEX history_outputs ON history (output) WHERE output IS NOT NULL",
    "CREATE INDEX history_recorded ON history (recorded)",
    "CREATE INDEX history_taken ON history (taken) WHERE taken IS NOT NULL",
    "CREATE INDEX history_failed ON history (path) WHERE state = 'failed'",
    # A row for each time that a worker was given a frame; removed with the lives of the frame.
    """CREATE TABLE attempts (
        path BLOB NOT NULL,
        number INTEGER NOT NULL,            -- counts up for each frame
        began REAL, ended REAL,             -- ended is NULL where the daemon was killed
        result TEXT NOT NULL,               -- written, skipped, failed, dropped
        code TEXT, reason TEXT,
        recorded REAL NOT NULL,
        PRIMARY KEY (path, number)
    ) WITHOUT ROWID""",
    # The state of every frame now, for people who look with SQLite's own program.
    """CREATE VIEW states AS
        SELECT path, state, attempts, NULL AS code, output FROM queue
        UNION ALL
        SELECT path, state, attempts, code, output FROM history AS life
        WHERE number = (SELECT max(number) FROM history WHERE path = life.path)
        AND NOT EXISTS (SELECT 1 FROM queue WHERE path = life.path)""",
)

MEASURED = (
    # What was measured of a frame beside its figures: the brightest stars, and a map of the frame. Packed and read by
    # `arwatch.stars`; the number is that of the life in the history.
    """CREATE TABLE sightings (
        number INTEGER PRIMARY KEY,
        sighting BLOB NOT NULL
    )""",
    # The star fields that frames are matched to, as the last frame left them: one row.
    """CREATE TABLE fields (
        number INTEGER PRIMARY KEY,         -- 1
        field BLOB NOT NULL                 -- packed and read by arwatch.stars
    )""",
)
"""What version 3 added."""

STATEMENTS = {1: _VERSION_1, 2: _VERSION_2, 3: _VERSION_2 + MEASURED}
"""Version -> the statements that make its tables."""
_LATEST_BELIEVED = 100
"""A file that claims to be of a later version than this is damaged."""


def create(connection: sqlite3.Connection, version: int = VERSION) -> None:
    """Make the tables of a version in an empty database."""
    for statement in STATEMENTS[version]:
        connection.execute(statement)


def version_of(connection: sqlite3.Connection) -> int:
    """Give the version that a file claims."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there is nothing in the database at all."""
    return not _tables(connection) and version_of(connection) == 0


def is_of(connection: sqlite3.Connection, version: int) -> bool:
    """Whether all tables, indexes and views of a version are there; others beside them do no harm."""
    return _expected(version).items() <= _tables(connection).items()


def fault(connection: sqlite3.Connection, path: Path) -> LedgerError | None:
    """Explain why a file is no ledger of this version; None: it is one."""
    version = version_of(connection)
    if version == VERSION and is_of(connection, VERSION):
        return None
    if VERSION < version <= _LATEST_BELIEVED and not any(is_of(connection, known) for known in STATEMENTS):
        return LedgerError(
            f"{path} was written by a newer arwatch (version {version} of the ledger, this one knows {VERSION}):"
            " update arwatch, or name another folder by [state] folder"
        )
    if version in STATEMENTS and version < VERSION and is_of(connection, version):
        return LedgerError(
            f"{path} is a ledger of an earlier arwatch: start the daemon of this version once, it brings the ledger up"
            " to date (sudo systemctl restart arwatch)"
        )
    return DamagedLedgerError(f"{path} is damaged: it has not the tables of version {version}")


@cache
def _expected(version: int) -> dict[str, str]:
    connection = sqlite3.connect(":memory:")
    try:
        create(connection, version)
        return _tables(connection)
    finally:
        connection.close()


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """Give the statement for each table, index and view, without comments and with single spaces."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    if any(type(value) is not str for row in found for value in row):
        raise DamagedLedgerError("the ledger is damaged: the names and statements of its tables are no text")
    return {name: " ".join(re.sub(r"--.*", "", sql).split()) for name, sql in found}
