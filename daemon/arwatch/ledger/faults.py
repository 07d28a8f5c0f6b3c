"""What can be wrong with a ledger: damage, what passes with time, and what only the user can mend.

Everything else that SQLite raises (a value that is missing, ProgrammingError, InterfaceError, a statement that it does
not understand although the tables are as they should be) is a mistake in arwatch: it is handed on as it is, and the
file is left alone.
"""

from __future__ import annotations

import sqlite3

from arwatch.errors import ArwatchError


class LedgerError(ArwatchError):
    """The ledger cannot be read or written; the text says what to do about it."""


class DamagedLedgerError(LedgerError):
    """The file is no database, its tables are not a ledger's, or a row holds what no ledger ever wrote."""


class NoLedgerError(LedgerError):
    """There is no ledger in the folder (yet)."""


_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG}
_TWICE = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID}
"""A row under a key that the table did not show a moment ago: every key is new, or its row is replaced."""
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself damaged."""
    return primary_code(error) in _DAMAGE or getattr(error, "sqlite_errorcode", None) in _TWICE


def is_passing(error: sqlite3.Error) -> bool:
    """Whether the reason may pass with time: the ledger is locked, its disk is full, failing or not to be written."""
    return primary_code(error) in _PASSING


def primary_code(error: sqlite3.Error) -> int | None:
    """Give SQLite's result code without its extension; None where Python's own module raised."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
