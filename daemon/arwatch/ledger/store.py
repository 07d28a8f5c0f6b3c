"""What became of every frame: one SQLite table in the state folder, one transaction a step; also the queue."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from arwatch.errors import ArwatchError, FailureCode, Fate
from arwatch.model.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from arwatch.model.job import Look

NAME = "ledger.sqlite"
VERSION = 1
PATIENCE_S = 10.0
"""How long another process may hold the ledger."""
LONGEST_DELAY_S = 600.0
"""A retry that is further ahead than this was set by a clock that has been set back since: it waits no longer."""
State: TypeAlias = Literal["seen", "settled", "working", "written", "failed", "gone"]
SCHEMA = """
CREATE TABLE IF NOT EXISTS frames (
    path BLOB PRIMARY KEY,              -- as the file system has it: any bytes
    state TEXT NOT NULL,                -- seen, settled, working, written, failed, gone
    size INTEGER, mtime_ns INTEGER,     -- of the source when it was last looked at
    recipe TEXT,                        -- digest of the settings that shaped the output
    live INTEGER NOT NULL DEFAULT 0,    -- 1: arrived while we watched, goes before the backlog
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, -- a retried frame waits until then
    seen REAL, settled REAL, started REAL, ended REAL,  -- seconds since 1970
    code TEXT, reason TEXT, final INTEGER,              -- of the last failure
    output BLOB, output_size INTEGER, facts TEXT        -- of the output; facts as JSON
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS queue ON frames (live DESC, mtime_ns, path) WHERE state = 'settled';
CREATE INDEX IF NOT EXISTS retries ON frames (not_before) WHERE state = 'settled' AND not_before > 0;
CREATE INDEX IF NOT EXISTS states ON frames (state);
CREATE INDEX IF NOT EXISTS outputs ON frames (output) WHERE output IS NOT NULL;
"""


class LedgerError(ArwatchError):
    """The ledger cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A frame's row."""

    path: Path
    state: State
    size: int | None
    mtime_ns: int | None
    recipe: str | None
    live: bool
    attempts: int
    seen: float
    settled: float | None
    started: float | None
    ended: float | None
    code: str | None
    reason: str | None
    final: bool
    output: Path | None
    output_size: int | None
    figures: Figures


class Ledger:
    """The frames' lives. Not for several threads.

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
        The folder or file cannot be used, or is a symbolic link.
    sqlite3.DatabaseError
        The file is no database, or a damaged one (see `set_aside`).
    """

    def __init__(self, folder: Path | None, roots: Sequence[Path] = (), clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.watch(roots)
        if folder is None:
            self.path, self.created = Path(":memory:"), True
            self._db = sqlite3.connect(":memory:", isolation_level=None)
            self._db.executescript(SCHEMA)
            return
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise LedgerError(f"{folder}: the state folder cannot be made: {error.strerror}") from error
        if self.path.is_symlink():
            raise LedgerError(f"{self.path}: is a symbolic link; the ledger must be a file of its own")
        self.created = not self.path.exists()
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE_S)
        except sqlite3.OperationalError as error:
            raise LedgerError(f"{self.path}: cannot be opened: {error}; is the state folder writable?") from error
        try:
            self._prepare()
        except sqlite3.OperationalError as error:  # locked, full disk, no permission: it may be sound
            self._db.close()
            raise LedgerError(f"{self.path}: cannot be written: {error}; is the state folder writable?") from error
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._switch_to_wal()
        # a power cut may cost the last steps, never the ledger; the outputs themselves say what was done
        self._db.execute("PRAGMA synchronous = NORMAL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, VERSION}:
            raise sqlite3.DatabaseError(f"ledger of another version ({version})")
        self._db.executescript(SCHEMA)
        self._db.execute(f"PRAGMA user_version = {VERSION}")
        if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("the ledger is damaged")

    def _switch_to_wal(self) -> None:
        """SQLite does not wait here for another process that opens the same new file (sqlite.org/wal.html)."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def watch(self, roots: Sequence[Path]) -> None:
        """Limit the queue to frames below these folders."""
        self._mine, self._ends = _below(roots)

    def reclaim(self) -> int:
        """Put back what was in work when a daemon ended without a word; gives the number of these frames."""
        self._db.execute(f"UPDATE frames SET state = 'gone' WHERE state = 'seen' AND ({self._mine})", self._ends)
        return self._db.execute(
            f"UPDATE frames SET state = 'settled', not_before = 0 WHERE state = 'working' AND ({self._mine})",
            self._ends,
        ).rowcount

    def get(self, path: Path) -> Entry | None:
        """Give a frame's row."""
        row = self._db.execute(f"SELECT {COLUMNS} FROM frames WHERE path = ?", (_key(path),)).fetchone()
        return _entry(row) if row else None

    def entries(self, *states: State) -> Iterator[Entry]:
        """Give the rows in these states (none: all), by path."""
        marks = ",".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        for row in self._db.execute(f"SELECT {COLUMNS} FROM frames {where} ORDER BY path", states):
            yield _entry(row)

    def saw(self, path: Path, *, live: bool) -> None:
        """Record that a new or changed frame was noticed."""
        self._db.execute(
            "INSERT INTO frames (path, state, live, seen) VALUES (?, 'seen', ?, ?) ON CONFLICT (path) DO UPDATE"
            " SET state = 'seen', live = excluded.live, seen = excluded.seen, attempts = 0, not_before = 0,"
            " settled = NULL, started = NULL, ended = NULL, code = NULL, reason = NULL, final = NULL",
            (_key(path), live, self._clock()),
        )

    def settled(self, path: Path, look: Look) -> None:
        """Record that all bytes are there: the frame is in the queue from now on."""
        self._update(path, state="settled", size=look.size, mtime_ns=look.mtime_ns, settled=self._clock(), not_before=0)

    def started(self, path: Path, output: Path, recipe: str) -> None:
        """Record that a worker has the frame."""
        self._db.execute(
            "UPDATE frames SET state = 'working', started = ?, attempts = attempts + 1, output = ?, recipe = ?"
            " WHERE path = ?",
            (self._clock(), _key(output), recipe, _key(path)),
        )

    def written(
        self,
        path: Path,
        output_size: int,
        figures: Figures,
        *,
        output: Path | None = None,
        recipe: str | None = None,
    ) -> None:
        """Record that the output exists, and what is known of the frame.

        `output` and `recipe`: where it lies and what it was made with, if that is not what `started` was told.
        """
        values: dict[str, object] = {"output": _key(output)} if output else {}
        values |= {"recipe": recipe} if recipe else {}
        self._update(
            path,
            state="written",
            ended=self._clock(),
            output_size=output_size,
            facts=json.dumps(figures.known()),
            code=None,
            reason=None,
            **values,
        )

    def failed(self, path: Path, look: Look | None, code: FailureCode, reason: str) -> None:
        """Record the end of a frame without output; taken up again when the file changes or on request."""
        sizes = {"size": look.size, "mtime_ns": look.mtime_ns} if look else {}
        text = reason.encode("utf-8", "backslashreplace").decode()
        self._update(
            path,
            state="failed",
            ended=self._clock(),
            code=str(code),
            reason=text,
            final=code.fate is Fate.FINAL,
            **sizes,
        )

    def put_back(self, path: Path, *, delay_s: float = 0.0, uncounted: bool = False) -> None:
        """Put a frame that a worker had into the queue again; `uncounted`: the attempt was not the frame's fault."""
        self._db.execute(
            "UPDATE frames SET state = 'settled', not_before = ?, attempts = attempts - ? WHERE path = ?",
            (self._clock() + delay_s if delay_s else 0.0, int(uncounted), _key(path)),
        )

    def forget(self, path: Path) -> None:
        """Drop a frame's row: if it is still there, the next scan takes it up as new."""
        self._db.execute("DELETE FROM frames WHERE path = ?", (_key(path),))

    def gone(self, path: Path) -> None:
        """Record that the source is no longer there."""
        self._update(path, state="gone", ended=self._clock())

    def next(self, roots: Sequence[Path] | None = None) -> Entry | None:
        """Give the frame to work on now, of some folders or of all: live ones first, the oldest first among each."""
        now = self._clock()
        mine, ends = (self._mine, self._ends) if roots is None else _below(roots)
        row = self._db.execute(
            # the index is in the order asked for: the first row that fits ends the search
            f"SELECT {COLUMNS} FROM frames INDEXED BY queue WHERE state = 'settled'"
            f" AND not_before NOT BETWEEN ? AND ? AND ({mine}) ORDER BY live DESC, mtime_ns, path LIMIT 1",
            (math.nextafter(now, math.inf), now + LONGEST_DELAY_S, *ends),
        ).fetchone()
        return _entry(row) if row else None

    def waiting(self) -> int:
        """How many frames are in the queue."""
        return int(
            self._db.execute(
                f"SELECT count(*) FROM frames WHERE state = 'settled' AND ({self._mine})",
                self._ends,
            ).fetchone()[0]
        )

    def next_retry_s(self) -> float | None:
        """Seconds until a retried frame may go again; None: none waits for that."""
        due = self._db.execute(
            "SELECT min(not_before) FROM frames INDEXED BY retries"
            f" WHERE state = 'settled' AND not_before > 0 AND ({self._mine})",
            self._ends,
        ).fetchone()[0]
        return None if due is None else min(max(0.0, due - self._clock()), LONGEST_DELAY_S)

    def owners(self, output: Path) -> list[Path]:
        """Give the frames that an output was given to: several where one of them went and another one came."""
        return [_path(key) for (key,) in self._db.execute("SELECT path FROM frames WHERE output = ?", (_key(output),))]

    def _update(self, path: Path, **values: object) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE frames SET {columns} WHERE path = ?", (*values.values(), _key(path)))


COLUMNS = (
    "path, state, size, mtime_ns, recipe, live, attempts, seen, settled, started, ended, code, reason, final,"
    " output, output_size, facts"
)


def set_aside(folder: Path) -> Path:
    """Rename an unreadable ledger and its companions; gives the new name of the main file."""
    stamp = time.strftime("%Y%m%dT%H%M%S")
    main = folder / NAME
    for ending in ("", "-wal", "-shm"):
        companion = main.with_name(main.name + ending)
        if companion.exists():
            companion.replace(main.with_name(f"ledger.{stamp}.unreadable{ending}"))
    return main.with_name(f"ledger.{stamp}.unreadable")


def _below(roots: Sequence[Path]) -> tuple[str, list[bytes]]:
    """Give the condition for a path to lie below one of these folders, and its values."""
    keys = [_key(root).removesuffix(b"/") for root in roots]
    # "0" follows "/" in ASCII: what lies between the two is below the folder
    return " OR ".join("(path > ? AND path < ?)" for _ in keys) or "0", [k + end for k in keys for end in (b"/", b"0")]


def _key(path: Path) -> bytes:
    return os.fsencode(path)


def _path(key: bytes) -> Path:
    return Path(os.fsdecode(key))


def _entry(row: tuple[Any, ...]) -> Entry:
    values = dict(zip(COLUMNS.replace(" ", "").split(","), row, strict=True))
    values["path"] = _path(values["path"])
    values["output"] = _path(values["output"]) if values["output"] else None
    try:
        values["figures"] = Figures.of(json.loads(values.pop("facts") or "{}"))
    except ValueError as error:
        raise sqlite3.DatabaseError(f"the ledger is damaged: {error}") from error
    values["live"], values["final"] = bool(values["live"]), bool(values["final"])
    return Entry(**values)
