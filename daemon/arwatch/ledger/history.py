"""Reading the ledger from other processes, under any account that may read its folder, while the daemon writes.

Nothing is written or made here, and no statement holds the ledger for longer than it takes to read a thousand rows (a
long one would keep SQLite from folding its write-ahead log in). How the file is opened depends on what lies beside it:

- `ledger.sqlite-wal` is there: the daemon runs, or ended without a word. SQLite's `mode=ro` needs the `-shm` file
  then; `readonly_shm` takes it as it is, so that an account without the right to write reads, too.
- it is not: the ledger was closed, the file is complete and `immutable`; without that word SQLite would want to make
  the files beside it. Whether that was true is found out after each statement, which is repeated if it was not.
"""

from __future__ import annotations

import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from arwatch.ledger import schema
from arwatch.ledger.columns import ATTEMPTS, HISTORY, QUEUE, key_of
from arwatch.ledger.database import NAME, PATIENCE_S, Database
from arwatch.ledger.faults import DamagedLedgerError, LedgerError, NoLedgerError, is_passing, primary_code
from arwatch.ledger.records import Attempt, Entry, Record, State, read_attempt, read_entry, read_record
from arwatch.ledger.schema import NEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from arwatch.ledger.database import Values

_PAGE = 1000
"""Rows that are read at a time."""
_TRIES = 20
"""How often a statement is repeated because the file was exchanged or opened for writing meanwhile."""
_PAUSE_S = 0.01
_LARGEST = 2**63 - 1


class _Seen(NamedTuple):
    """What tells one file, and one state of a file that is closed, from another."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    log: bool
    """Whether there is a write-ahead log beside it."""


class History:
    """What became of the frames, for readers.

    The ledger need not be there yet: it is opened when something is asked for, and again when another one took its
    place. All methods that read raise the errors below.

    Parameters
    ----------
    folder : Path
        The state folder.

    Raises
    ------
    NoLedgerError
        There is no ledger in the folder (yet).
    DamagedLedgerError
        It is damaged; the daemon sets it aside as soon as it meets the damage.
    LedgerError
        It may not be read, or is of another version; the text says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._db: Database | None = None
        self._opened: _Seen | None = None
        self._told: tuple[object, ...] | None = None

    def __enter__(self) -> Self:
        """Begin; nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; asked again, it is opened again."""
        if self._db is not None:
            self._db.close()
        self._db = self._opened = None

    def frames(
        self,
        since: float | None = None,
        until: float | None = None,
        states: Sequence[State] = (),
        *,
        taken_from: str | None = None,
        taken_before: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[Record]:
        """Give the ended lives of frames in the order in which they were recorded.

        Parameters
        ----------
        since, until : float, optional
            Recorded then or later, and before then; seconds since 1970.
        states : sequence of str, optional
            Of `written`, `skipped`, `failed`, `gone`; empty: all.
        taken_from, taken_before : str, optional
            Start of the exposure then or later, and before then; ISO 8601, as `Record.taken` has it.
        newest_first : bool
            The last one first.
        """
        limits = {"recorded >= ?": since, "recorded < ?": until, "taken >= ?": taken_from, "taken < ?": taken_before}
        given = {condition: value for condition, value in limits.items() if value is not None}
        conditions = [*given, f"state IN ({', '.join('?' * len(states))})"] if states else [*given]
        values = [*given.values(), *states]
        order, beyond, last = ("DESC", "<", _LARGEST) if newest_first else ("ASC", ">", -_LARGEST)
        statement = (
            f"SELECT {_HISTORY} FROM history WHERE {' AND '.join([f'number {beyond} ?', *conditions])}"
            f" ORDER BY number {order} LIMIT {_PAGE}"
        )
        while rows := self._rows(statement, (last, *values)):
            for row in rows:
                record = read_record(row)
                if (record.number >= last) if newest_first else (record.number <= last):
                    raise DamagedLedgerError(f"{self.path} is damaged: its records are out of order")
                last = record.number
                yield record

    def failed(self) -> list[Record]:
        """Give the frames that failed and were not dealt with since: not asked for again, changed, written or gone."""
        rows = self._rows(
            f"SELECT {_HISTORY} FROM history AS life INDEXED BY history_failed"
            f" WHERE state = 'failed' AND {NEWEST} ORDER BY number"
        )
        return [read_record(row) for row in rows]

    def newest(self, path: Path) -> Record | None:
        """Give the last ended life of a frame; None: none is known."""
        rows = self._rows(
            f"SELECT {_HISTORY} FROM history WHERE path = ? ORDER BY number DESC LIMIT 1", (key_of(path),)
        )
        return read_record(rows[0]) if rows else None

    def counts(self, since: float = 0.0) -> dict[State, int]:
        """Count the ended lives that were recorded since then, by state; states without any are not there."""
        rows = self._rows("SELECT state, count(*) FROM history WHERE recorded >= ? GROUP BY state", (since,))
        if not {state for state, _ in rows} <= set(schema.ENDED):
            raise DamagedLedgerError(f"{self.path} is damaged: it holds states that there are not")
        return dict(rows)

    def attempts(self, path: Path) -> list[Attempt]:
        """Give the attempts at a frame, the first one first."""
        rows = self._rows(f"SELECT {_ATTEMPTS} FROM attempts WHERE path = ? ORDER BY number", (key_of(path),))
        return [read_attempt(row) for row in rows]

    def queue(self) -> list[Entry]:
        """Give the frames that wait or are in work, by path."""
        return [read_entry(row) for row in self._rows(f"SELECT {_QUEUE} FROM queue ORDER BY path")]

    def changed(self) -> bool:
        """Whether anything was written since this was asked last, or another ledger took the place; at first: True."""
        (version,) = self._rows("PRAGMA data_version")[0]
        now = (self._opened, version)
        changed, self._told = now != self._told, now
        return changed

    # -- the file --------------------------------------------------------------------------------------------

    def _rows(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Read; again where the file was exchanged, opened for writing or closed in that moment."""
        for tries_left in reversed(range(_TRIES)):
            failure: Exception | None = None
            rows: list[tuple[Any, ...]] = []
            try:
                rows = self._ready(last_try=not tries_left).rows(statement, values)
            except NoLedgerError:
                self.close()
                raise
            except (sqlite3.Error, LedgerError) as error:
                failure = error
            if self._is_what_it_was():
                if failure is None:
                    return rows
                if not _is_being_made(failure) or not tries_left:
                    self.close()
                    raise self._explained(failure) from failure
                time.sleep(_PAUSE_S)
            self.close()
        raise LedgerError(f"{self.path}: is exchanged or opened anew all the time; try again")

    def _ready(self, *, last_try: bool) -> Database:
        """Give the open file; it is opened (again) where another one lies there now."""
        if self._db is not None and not self._is_what_it_was():
            self.close()
        if self._db is None:
            self._opened = self._look()
            if not self._opened.log:
                self._db = self._connect("immutable=1")
            else:
                # a log without its -shm (a copy of a folder) is read as `mode=ro` alone can, which may make that file
                self._db = self._connect("" if last_try else "readonly_shm=1")
        return self._db

    def _connect(self, word: str) -> Database:
        uri = f"{self.path.absolute().as_uri()}?mode=ro&{word}"
        db = Database(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE_S), self.path)
        try:
            fault = db.fault()
            if fault is not None and db.ask(schema.is_empty):  # the daemon has made the file and not yet its tables
                fault = self._none()
        except BaseException:
            db.close()
            raise
        if fault is not None:
            db.close()
            raise fault
        return db

    def _look(self) -> _Seen:
        try:
            found = self.path.stat()
            log = os.path.exists(f"{self.path}-wal")  # noqa: PTH110 -- not for a name with an ending appended
        except FileNotFoundError as error:
            raise self._none() from error
        except OSError as error:
            raise LedgerError(f"{self.path}: may not be read: {error.strerror}") from error
        return _Seen(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, log)

    def _is_what_it_was(self) -> bool:
        """Whether the file is the one that was opened, and if it was taken for closed, still is."""
        before, now = self._opened, self._look()
        if before is None or before[:2] != now[:2]:
            return False
        return now.log if before.log else now == before

    def _none(self) -> NoLedgerError:
        return NoLedgerError(f"there is no ledger in {self.path.parent}")

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error) and is_passing(error):
            return LedgerError(f"{self.path}: cannot be read now: {error}; may this account read it?")
        return error


def _is_being_made(error: Exception) -> bool:
    """Whether the daemon may be about to make the files that SQLite did not find."""
    return isinstance(error, sqlite3.OperationalError) and primary_code(error) == sqlite3.SQLITE_CANTOPEN


_HISTORY = ", ".join(HISTORY)
_ATTEMPTS = ", ".join(ATTEMPTS)
_QUEUE = ", ".join(QUEUE)
