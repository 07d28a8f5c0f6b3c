"""The frames that wait: noticed, complete, in work, or asked for again; one row each, one transaction a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from arwatch.ledger.columns import QUEUE, key_of
from arwatch.ledger.records import Entry, read_entry, read_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from arwatch.errors import FailureCode
    from arwatch.ledger.database import Database
    from arwatch.ledger.records import Result, State
    from arwatch.model.job import Look

LONGEST_DELAY_S = 600.0
"""A retry that is further ahead than this was set by a clock that has been set back since: it waits no longer."""
COLUMNS = ", ".join(QUEUE)


class Queue:
    """What is to be done. What is recorded of a frame that is not here is dropped: a scan finds the frame again.

    Parameters
    ----------
    db : Database
        With the tables of this version.
    roots : sequence of Path
        The watched folders: the queue holds only frames below these, whatever else the ledger remembers.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, db: Database, roots: Sequence[Path], clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock
        self.watch(roots)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def together(self) -> AbstractContextManager[None]:
        """Do several steps as one: all of them or none."""
        return self._db.transaction()

    def watch(self, roots: Sequence[Path]) -> None:
        """Limit the queue to frames below these folders."""
        self._mine, self._ends = _below(roots)

    def reclaim(self) -> int:
        """Put back what was in work when a daemon ended without a word; gives the number of these frames.

        What was still growing then is taken up again by a scan: as new, or as a frame that is asked for.
        """
        with self._db.transaction():
            self._db.run(
                "INSERT INTO attempts (path, number, began, result, reason, recorded)"
                f" SELECT path, {_NEXT_NUMBER}, started, 'dropped', 'the daemon ended meanwhile', ?"
                f" FROM queue WHERE state = 'working' AND ({self._mine})",
                (self._clock(), *self._ends),
            )
            count = self._db.run(
                f"UPDATE queue SET state = 'settled', not_before = 0 WHERE state = 'working' AND ({self._mine})",
                self._ends,
            )
            self._db.run(
                f"UPDATE queue SET state = 'asked' WHERE state = 'seen' AND ({self._mine})"
                " AND EXISTS (SELECT 1 FROM history WHERE path = queue.path)",
                self._ends,
            )
            self._db.run(f"DELETE FROM queue WHERE state = 'seen' AND ({self._mine})", self._ends)
        return count

    def saw(self, path: Path, *, live: bool) -> None:
        """Record that a new or changed frame was noticed."""
        values = {"path": key_of(path), "live": live, "now": self._clock()}
        with self._db.transaction():
            self._end_attempt(path, "dropped", reason="the file changed meanwhile")
            self._db.run(
                "INSERT INTO queue (path, state, live, seen, output)"
                f" VALUES (:path, 'seen', :live, :now, {_LAST_OUTPUT})"
                " ON CONFLICT (path) DO UPDATE SET state = 'seen', live = :live, seen = :now, attempts = 0,"
                " not_before = 0, settled = NULL, started = NULL",
                values,
            )

    def settled(self, path: Path, look: Look) -> None:
        """Record that all bytes are there: the frame is in the queue from now on."""
        self._db.run(
            "UPDATE queue SET state = 'settled', size = ?, mtime_ns = ?, settled = ?, not_before = 0 WHERE path = ?",
            (*look, self._clock(), key_of(path)),
        )

    def started(self, path: Path, output: Path, recipe: str) -> None:
        """Record that a worker has the frame."""
        self._db.run(
            "UPDATE queue SET state = 'working', started = ?, attempts = attempts + 1, output = ?, recipe = ?"
            " WHERE path = ?",
            (self._clock(), key_of(output), recipe, key_of(path)),
        )

    def put_back(
        self,
        path: Path,
        *,
        delay_s: float = 0.0,
        uncounted: bool = False,
        code: FailureCode | None = None,
        reason: str | None = None,
    ) -> None:
        """Put a frame that a worker had into the queue again.

        Parameters
        ----------
        path : Path
            The frame.
        delay_s : float
            How long it waits there at least.
        uncounted : bool
            The attempt was not the frame's fault.
        code, reason
            Why the attempt failed; None: it was broken off.
        """
        with self._db.transaction():
            self._end_attempt(path, "failed" if code else "dropped", code, reason)
            self._db.run(
                "UPDATE queue SET state = 'settled', not_before = ?, attempts = max(0, attempts - ?) WHERE path = ?",
                (self._clock() + delay_s if delay_s else 0.0, int(uncounted), key_of(path)),
            )

    def ask_again(self, path: Path) -> None:
        """Ask for another try at an ended frame: the daemon's next scan takes it up. In the queue it stays as it is."""
        self._db.run(
            f"INSERT INTO queue (path, state, seen, output) VALUES (:path, 'asked', :now, {_LAST_OUTPUT})"
            " ON CONFLICT (path) DO NOTHING",
            {"path": key_of(path), "now": self._clock()},
        )

    def next(self, roots: Sequence[Path] | None = None) -> Entry | None:
        """Give the frame to work on now, of some folders or of all: live ones first, the oldest first among each."""
        now = self._clock()
        mine, ends = (self._mine, self._ends) if roots is None else _below(roots)
        row = self._db.row(
            # the index is in the order asked for: the first row that fits ends the search
            f"SELECT {COLUMNS} FROM queue INDEXED BY queue_order WHERE state = 'settled'"
            f" AND not_before NOT BETWEEN ? AND ? AND ({mine}) ORDER BY live DESC, mtime_ns, path LIMIT 1",
            (math.nextafter(now, math.inf), now + LONGEST_DELAY_S, *ends),
        )
        return read_entry(row) if row else None

    def waiting(self) -> int:
        """How many frames are in the queue."""
        row = self._db.row(f"SELECT count(*) FROM queue WHERE state = 'settled' AND ({self._mine})", self._ends)
        return int(row[0]) if row else 0

    def next_retry_s(self, roots: Sequence[Path] | None = None) -> float | None:
        """Seconds until a retried frame of some folders, or of all, may go again; None: none waits for that."""
        mine, ends = (self._mine, self._ends) if roots is None else _below(roots)
        row = self._db.row(
            "SELECT not_before FROM queue INDEXED BY queue_retries"
            f" WHERE state = 'settled' AND not_before > 0 AND ({mine}) ORDER BY not_before LIMIT 1",
            ends,
        )
        return min(max(0.0, read_wait(row[0]) - self._clock()), LONGEST_DELAY_S) if row else None

    def _end_attempt(
        self, path: Path, result: Result | State, code: FailureCode | None = None, reason: str | None = None
    ) -> None:
        """Record the end of the attempt, if a worker has the frame."""
        now = self._clock()
        self._db.run(
            "INSERT INTO attempts (path, number, began, ended, result, code, reason, recorded)"
            f" SELECT path, {_NEXT_NUMBER}, started, ?, ?, ?, ?, ? FROM queue WHERE path = ? AND state = 'working'",
            (now, result, code and str(code), encodable(reason), now, key_of(path)),
        )


_NEXT_NUMBER = "ifnull((SELECT max(number) FROM attempts WHERE path = queue.path), 0) + 1"
_LAST_OUTPUT = "(SELECT output FROM history WHERE path = :path ORDER BY number DESC LIMIT 1)"


def _below(roots: Sequence[Path]) -> tuple[str, list[bytes]]:
    """Give the condition for a path to lie below one of these folders, and its values."""
    keys = [key_of(root).removesuffix(b"/") for root in roots]
    # "0" follows "/" in ASCII: what lies between the two is below the folder
    ends = [key + end for key in keys for end in (b"/", b"0")]
    # of no folders: no path is before the empty one; a condition that is false by itself SQLite refuses with an index
    return " OR ".join("(path > ? AND path < ?)" for _ in keys) or "path < x''", ends


def encodable(text: str | None) -> str | None:
    """Give a text that UTF-8 can hold; names in it may be any bytes."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
