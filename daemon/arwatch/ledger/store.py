"""The daemon's side of the ledger: a queue of frames to work on, and a history of what became of them.

One SQLite file in the state folder, one transaction a step. The tables and a drawing of a frame's states are in
`schema`, reading for other processes is in `history`.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch import __version__
from arwatch.errors import Fate
from arwatch.ledger import migrations, schema
from arwatch.ledger.checking import check_rows
from arwatch.ledger.columns import columns_of_figures, key_of
from arwatch.ledger.database import COMPANIONS, NAME, Database
from arwatch.ledger.faults import DamagedLedgerError, LedgerError, is_passing
from arwatch.ledger.queue import COLUMNS, Queue, encodable
from arwatch.ledger.records import ENDED_ENTRY, Entry, State, read_ended_entry, read_entry, read_path
from arwatch.ledger.schema import NEWEST
from arwatch.model.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from arwatch.errors import FailureCode
    from arwatch.model.job import Look

__all__ = ["NAME", "DamagedLedgerError", "Entry", "Ledger", "LedgerError", "State", "set_aside"]

DAY_S = 86400.0


class Ledger(Queue):
    """The frames' lives: a queue, and the history of what has left it. Not for several threads.

    Parameters
    ----------
    folder : Path or None
        The state folder; it is made where it is missing. None: a queue in memory, for a command.
    roots : sequence of Path
        The watched folders: the queue holds only frames below these, whatever else the ledger remembers.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    LedgerError
        The folder or file cannot be used, is a symbolic link, or was written by a later version.
    DamagedLedgerError
        The file is no ledger, or a damaged one (see `set_aside`). All methods raise it where they meet damage.
    """

    def __init__(self, folder: Path | None, roots: Sequence[Path] = (), clock: Callable[[], float] = time.time) -> None:
        if folder is None:
            self.path = Path(":memory:")
            db = Database(sqlite3.connect(":memory:", isolation_level=None), self.path)
            self.created = migrations.bring_up_to_date(db, clock())
        else:
            self.path = folder / NAME
            try:
                db, self.created = _open(self.path, clock())
            except sqlite3.Error as error:
                if not is_passing(error):
                    raise
                raise LedgerError(f"{self.path}: cannot be used: {error}; is the state folder writable?") from error
        super().__init__(db, roots, clock)

    def get(self, path: Path) -> Entry | None:
        """Give what a frame's state is now; None: the frame is not known."""
        key = (key_of(path),)
        if row := self._db.row(f"SELECT {COLUMNS} FROM queue WHERE path = ?", key):
            return read_entry(row)
        row = self._db.row(f"SELECT {_ENDED} FROM history WHERE number = {_NEWEST_OF}", key)
        entry = read_ended_entry(row) if row else None
        if entry and entry.path != path:
            raise DamagedLedgerError(f"{self.path} is damaged: it has one frame under the name of another")
        return entry

    def entries(self, *states: State) -> Iterator[Entry]:
        """Give the frames in these states (none: all): those in the queue, then those that have ended; by path."""
        wanted = states or (*schema.QUEUED, *schema.ENDED)
        marks = ",".join("?" * len(wanted))
        if not set(wanted).isdisjoint(schema.QUEUED):
            rows = self._db.rows(f"SELECT {COLUMNS} FROM queue WHERE state IN ({marks}) ORDER BY path", wanted)
            yield from map(read_entry, rows)
        if not set(wanted).isdisjoint(schema.ENDED):
            where = f"state IN ({marks}) AND {NEWEST}"
            rows = self._db.rows(f"SELECT {_ENDED} FROM history AS life WHERE {where} ORDER BY path", wanted)
            yield from map(read_ended_entry, rows)

    def written(
        self,
        path: Path,
        output_size: int,
        figures: Figures,
        *,
        skipped: bool = False,
        output: Path | None = None,
        recipe: str | None = None,
        sighting: bytes = b"",
        field: bytes = b"",
    ) -> None:
        """Record that the output exists, and what is known of the frame.

        Parameters
        ----------
        path : Path
            The frame.
        output_size : int
            Bytes.
        figures : Figures
            Of this run, or out of the output's header.
        skipped : bool
            The output was there before.
        output, recipe
            Where it lies and what it was made with, if that is not what `started` was told.
        sighting, field
            As a worker gave them (`Written`).
        """
        state: State = "skipped" if skipped else "written"
        with self._db.transaction():
            self._end(
                path, state, output_size=output_size, figures=figures, output=output, recipe=recipe, sighting=sighting
            )
            if field:
                self._db.run("INSERT OR REPLACE INTO fields VALUES (1, ?)", (field,))

    def field(self) -> bytes:
        """Give the star fields as the last frame left them; empty: there are none."""
        row = self._db.row("SELECT field FROM fields WHERE number = 1")
        if row and type(row[0]) is not bytes:
            raise DamagedLedgerError(f"{self.path} is damaged: the star fields are {row[0]!r:.80}")
        return row[0] if row else b""

    def failed(self, path: Path, look: Look | None, code: FailureCode, reason: str) -> None:
        """Record the end of a frame without output; taken up again when the file changes or on request."""
        self._end(path, "failed", look=look, code=code, reason=reason)

    def gone(self, path: Path) -> None:
        """Record that the source is no longer there."""
        self._end(path, "gone")

    def vanished(self, path: Path) -> None:
        """Record that the file of a frame that had ended was removed or moved away."""
        with self._db.transaction():
            self.ask_again(path)
            self.gone(path)

    def had_gone(self, path: Path) -> bool:
        """Whether the file that was under this path before had gone: what is there now is another frame."""
        row = self._db.row("SELECT state FROM history WHERE path = ? ORDER BY number DESC LIMIT 1", (key_of(path),))
        return row == ("gone",)

    def owners(self, output: Path) -> list[Path]:
        """Give the frames that an output was given to: several where one of them went and another one came."""
        rows = self._db.rows(
            "SELECT path FROM queue WHERE output = :output"
            f" UNION ALL SELECT path FROM history AS life WHERE output = :output AND {NEWEST}",
            {"output": key_of(output)},
        )
        return [read_path(key) for (key,) in rows]

    def prune(self, keep_days: float, most: int = 500) -> int:
        """Remove what was recorded more days ago than are to be kept (0: keep all).

        The age of a record counts, not of its frame: an old frame that is found again is recorded anew, and remembered
        as long as any other.

        Parameters
        ----------
        keep_days : float
            As in `[state] keep_days`.
        most : int
            Lives at most, so that a call is short.

        Returns
        -------
        int
            Lives removed; as many as `most`: there may be more.
        """
        if not keep_days:
            return 0
        before = self._clock() - keep_days * DAY_S
        with self._db.transaction():
            old = self._db.rows(
                "SELECT number, path FROM history WHERE recorded < ? ORDER BY recorded LIMIT ?", (before, most)
            )
            for number, path in old:
                self._db.run("DELETE FROM history WHERE number = ?", (number,))
                self._db.run("DELETE FROM sightings WHERE number = ?", (number,))
                self._db.run("DELETE FROM attempts WHERE path = ? AND recorded < ?", (path, before))
        return len(old)

    def _end(
        self,
        path: Path,
        state: State,
        *,
        look: Look | None = None,
        output_size: int | None = None,
        figures: Figures | None = None,
        output: Path | None = None,
        recipe: str | None = None,
        sighting: bytes = b"",
        code: FailureCode | None = None,
        reason: str | None = None,
    ) -> None:
        """Move a frame from the queue into the history."""
        size, mtime_ns = look or (None, None)
        values = columns_of_figures(figures or Figures()) | {
            "path": key_of(path),
            "state": state,
            "size": size,
            "mtime_ns": mtime_ns,
            "output": output and key_of(output),
            "output_size": output_size,
            "recipe": recipe,
            "code": code and str(code),
            "reason": encodable(reason),
            "final": code is not None and code.fate is Fate.FINAL,
            "now": self._clock(),
            "version": __version__,
        }
        with self._db.transaction():
            self._end_attempt(path, "dropped" if state == "gone" else state, code, reason)
            if self._db.run(_INTO_HISTORY, values):
                self._db.run("DELETE FROM queue WHERE path = ?", (values["path"],))
                self._check_that_it_is_found(values["path"])
                if sighting:
                    self._db.run("INSERT OR REPLACE INTO sightings VALUES (last_insert_rowid(), ?)", (sighting,))

    def _check_that_it_is_found(self, key: bytes) -> None:
        """Notice an index out of order: its frames would be taken for new at every scan, again and again."""
        if self._db.row("SELECT max(number) = last_insert_rowid() FROM history WHERE path = ?", (key,)) != (1,):
            raise DamagedLedgerError(f"{self.path} is damaged: a record is not found where it was put")


def _open(path: Path, now: float) -> tuple[Database, bool]:
    """Open the ledger's file, or make it; gives also whether it is new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise LedgerError(f"{path.parent}: the state folder cannot be made: {error.strerror}") from error
    if path.is_symlink():
        raise LedgerError(f"{path}: is a symbolic link; the ledger must be a file of its own")
    ended_uncleanly = _size(path.with_name(f"{NAME}-wal")) > 0
    db = Database.for_writing(path)
    try:
        created = migrations.bring_up_to_date(db, now)
        if db.check(thorough=ended_uncleanly):
            check_rows(db)
    except BaseException:
        db.close()
        raise
    return db, created


def set_aside(folder: Path) -> Path:
    """Rename a damaged ledger and its companions; gives the new name of the main file."""
    stamp = time.strftime("%Y%m%dT%H%M%S")
    main = folder / NAME
    for ending in ("", *COMPANIONS):
        companion = main.with_name(main.name + ending)
        if companion.exists():
            companion.replace(main.with_name(f"ledger.{stamp}.unreadable{ending}"))
    return main.with_name(f"ledger.{stamp}.unreadable")


_ENDED = ", ".join(ENDED_ENTRY)
_NEWEST_OF = "(SELECT max(number) FROM history WHERE path = ?)"
"""By its number a row is read from the table: asked for by its path, it would have the path that the index has, and a
damaged one in the table would not be noticed."""
_INTO_HISTORY = (
    "INSERT INTO history (path, state, size, mtime_ns, taken, exposure_s, iso, figures, recipe, output, output_size,"
    " code, reason, final, work_s, attempts, live, seen, settled, started, ended, recorded, version)"
    " SELECT path, :state, ifnull(:size, size), ifnull(:mtime_ns, mtime_ns), :taken, :exposure_s, :iso, :figures,"
    " ifnull(:recipe, recipe), ifnull(:output, output), :output_size, :code, :reason, :final, :work_s, attempts, live,"
    " seen, settled, started, :now, :now, :version FROM queue WHERE path = :path"
)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
