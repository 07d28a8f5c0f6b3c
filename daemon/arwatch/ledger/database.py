"""SQLite as the ledger uses it: one place where statements are run, and where its errors get their meaning."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from arwatch.ledger import schema
from arwatch.ledger.faults import DamagedLedgerError, LedgerError, is_damage, is_passing, primary_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Values = Sequence[object] | Mapping[str, object]

_Answer = TypeVar("_Answer")

NAME = "ledger.sqlite"
COMPANIONS = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database."""
PATIENCE_S = 10.0
"""How long another process may hold the ledger."""
_SMALL = 16 << 20
"""Bytes of a file that is checked as a whole at each opening."""
CHECK_S = 0.25
"""How long the check of a whole file may take; what it does not reach is found when it is read."""
_HEADER_VERSIONS = slice(18, 20)
"""Bytes of the file's header that say by which versions of SQLite it may be written and read."""
_LATEST_HEADER_VERSION = 2


class Database:
    """A connection that raises `DamagedLedgerError` for all kinds of damage.

    What passes with time (see `is_passing`) and what is a mistake in arwatch is raised as `sqlite3` raises it.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode (`isolation_level=None`).
    path : Path
        Of the file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        connection.text_factory = _text
        self.connection = connection
        self.path = path

    @classmethod
    def for_writing(cls, path: Path) -> Database:
        """Open or make a file."""
        db = cls(sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S), path)
        try:
            db._switch_to_wal()
            # a power cut may cost the last steps, never the ledger; the outputs themselves say what was done
            db.run("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def rows(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Give all rows that a statement finds."""
        try:
            return self.connection.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explained(error) from error

    def each(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Give the rows that a statement finds, one after the other."""
        try:
            yield from self.connection.execute(statement)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explained(error) from error

    def row(self, statement: str, values: Values = ()) -> tuple[Any, ...] | None:
        """Give the first row that a statement finds."""
        try:
            found: tuple[Any, ...] | None = self.connection.execute(statement, values).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explained(error) from error
        return found

    def run(self, statement: str, values: Values = ()) -> int:
        """Change something; gives the number of rows."""
        try:
            return self.connection.execute(statement, values).rowcount
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explained(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it or nothing; within another one it is a part of that."""
        is_part = self.connection.in_transaction
        if is_part:
            yield
            return
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                with suppress(sqlite3.Error):  # a broken file cannot even be left as it was
                    self.connection.execute("ROLLBACK")
            raise

    def check(self, *, thorough: bool) -> bool:
        """Look for damage: in the queue always, in all of the file where it is small or `thorough`, within limits.

        Gives whether it was looked for in all of the file.

        Raises
        ------
        DamagedLedgerError
            Some was found.
        """
        self._check_pragma("integrity_check('queue')")
        everywhere = thorough or os.stat(self.path).st_size <= _SMALL  # noqa: PTH116 -- a file that vanished is an OSError
        if everywhere:
            deadline = time.monotonic() + CHECK_S
            self.connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            try:
                self._check_pragma("integrity_check(1)")
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_INTERRUPT:
                    raise
            finally:
                self.connection.set_progress_handler(None, 0)
        return everywhere

    def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Give what a function of `schema` finds out."""
        try:
            return question(self.connection)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explained(error) from error

    def fault(self) -> LedgerError | None:
        """Explain why the file is no ledger of this version; None: it is one."""
        try:
            return schema.fault(self.connection, self.path)
        except sqlite3.Error as error:
            if is_passing(error):
                raise
            return self._damaged(error)
        except (UnicodeDecodeError, DamagedLedgerError) as error:
            return self._damaged(error)

    def _check_pragma(self, pragma: str) -> None:
        found = self.rows(f"PRAGMA {pragma}")
        if found != [("ok",)]:
            raise DamagedLedgerError(f"{self.path} is damaged: {found[0][0] if found else 'it cannot be checked'}")

    def _explained(self, error: sqlite3.Error | UnicodeDecodeError) -> Exception:
        """Give the error to raise instead of one of SQLite's."""
        if isinstance(error, UnicodeDecodeError):  # in a message of SQLite's that names a damaged table
            return self._damaged(error)
        if is_damage(error) or (primary_code(error) == sqlite3.SQLITE_READONLY and self._forbids_writing()):
            return self._damaged(error)
        if primary_code(error) in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_FORMAT}:
            return self.fault() or error  # a statement that is not understood: are the tables still ours?
        return error

    def _damaged(self, error: Exception) -> DamagedLedgerError:
        if isinstance(error, DamagedLedgerError):
            return error
        return DamagedLedgerError(f"{self.path} is damaged: {error}")

    def _forbids_writing(self) -> bool:
        """Whether the header claims that a later SQLite made the file: then only reading is allowed."""
        try:
            with self.path.open("rb") as file:
                return max(file.read(100)[_HEADER_VERSIONS], default=0) > _LATEST_HEADER_VERSION
        except OSError:
            return False

    def _switch_to_wal(self) -> None:
        """SQLite does not wait here for another process that opens the same new file (sqlite.org/wal.html)."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.run("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if primary_code(error) not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise DamagedLedgerError("the ledger is damaged: it holds text that is no UTF-8") from error
