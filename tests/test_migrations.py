"""Ledgers of every earlier version, each a real file, brought up to date with what they hold."""

import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arwatch.ledger import schema
from arwatch.ledger.faults import DamagedLedgerError
from arwatch.ledger.history import History
from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures

ROOT = Path("/night")
FIRST = """
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
PRAGMA user_version = 1;
INSERT INTO frames VALUES
    (CAST('/night/1 seen.ARW' AS BLOB), 'seen', NULL, NULL, NULL, 1, 0, 0, 100, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL),
    (CAST('/night/2 waits.ARW' AS BLOB), 'settled', 20, 2, 'r', 0, 2, 150, 100, 101, 102, NULL,
     NULL, NULL, NULL, CAST('/night/2.fits' AS BLOB), NULL, NULL),
    (CAST('/night/3 in work.ARW' AS BLOB), 'working', 30, 3, 'r', 1, 1, 0, 100, 101, 102, NULL,
     NULL, NULL, NULL, CAST('/night/3.fits' AS BLOB), NULL, NULL),
    (x'2F6E696768742F34FF2E415257', 'written', 40, 4, 'r', 1, 1, 0, 100, 101, 102, 103,
     NULL, NULL, NULL, CAST('/night/4.fits' AS BLOB), 99,
     '{"taken": "2026-11-21T18:00:00.000", "iso": 800, "red_level": 812.5, "write_s": 0.5}'),
    (CAST('/night/5 failed.ARW' AS BLOB), 'failed', 50, 5, 'r', 0, 5, 0, 100, 101, 102, 103,
     'read', 'I/O error', 0, CAST('/night/5.fits' AS BLOB), NULL, NULL),
    (CAST('/night/6 damaged.ARW' AS BLOB), 'failed', 60, 6, NULL, 0, 0, 0, 100, NULL, NULL, 103,
     'damaged', 'rows repeat', 1, NULL, NULL, NULL),
    (CAST('/night/7 gone.ARW' AS BLOB), 'gone', NULL, NULL, NULL, 0, 0, 0, 100, NULL, NULL, 103,
     NULL, NULL, NULL, NULL, NULL, NULL);
"""
SECOND = f"""
{";".join(schema.STATEMENTS[2])};
PRAGMA user_version = 2;
INSERT INTO queue VALUES
    (CAST('/night/1 seen.ARW' AS BLOB), 'seen', NULL, NULL, NULL, NULL, 1, 0, 0, 100, NULL, NULL),
    (CAST('/night/2 waits.ARW' AS BLOB), 'settled', 20, 2, 'r', CAST('/night/2.fits' AS BLOB),
     0, 2, 150, 100, 101, 102),
    (CAST('/night/3 in work.ARW' AS BLOB), 'working', 30, 3, 'r', CAST('/night/3.fits' AS BLOB),
     1, 1, 0, 100, 101, 102);
INSERT INTO history VALUES
    (1, x'2F6E696768742F34FF2E415257', 'written', 40, 4, '2026-11-21T18:00:00.000', NULL, 800,
     '{{"taken": "2026-11-21T18:00:00.000", "iso": 800, "red_level": 812.5, "write_s": 0.5}}', 'r',
     CAST('/night/4.fits' AS BLOB), 99, NULL, NULL, 0, 0.5, 1, 1, 100, 101, 102, 103, 1000, NULL),
    (2, CAST('/night/5 failed.ARW' AS BLOB), 'failed', 50, 5, NULL, NULL, NULL, NULL, 'r',
     CAST('/night/5.fits' AS BLOB), NULL, 'read', 'I/O error', 0, NULL, 5, 0, 100, 101, 102, 103, 1000, NULL),
    (3, CAST('/night/6 damaged.ARW' AS BLOB), 'failed', 60, 6, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, 'damaged', 'rows repeat', 1, NULL, 0, 0, 100, NULL, NULL, 103, 1000, NULL),
    (4, CAST('/night/7 gone.ARW' AS BLOB), 'gone', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 100, NULL, NULL, 103, 1000, NULL);
"""
EARLIER = {1: FIRST, 2: SECOND}
"""Version -> the statements that arwatch made a ledger by then, and some content."""


@pytest.fixture(params=sorted(EARLIER))
def folder(request, tmp_path):
    """Give a state folder with a ledger of an earlier version."""
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(EARLIER[request.param])
    return tmp_path


def content(folder):
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as db:
        return list(db.iterdump()), db.execute("PRAGMA user_version").fetchone()


def check(folder):
    """Whether all is there that was there before."""
    with contextlib.closing(Ledger(folder, [ROOT], lambda: 1000.0)) as ledger:
        assert not ledger.created
        entries = {entry.path.name[0]: entry for entry in ledger.entries()}
        states = {name: entry.state for name, entry in entries.items()}
        wanted = ["seen", "settled", "working", "written", "failed", "failed", "gone"]
        assert states == dict(zip("1234567", wanted, strict=True))
        waits, written, failed, damaged = (entries[name] for name in "2456")
        assert (waits.size, waits.mtime_ns, waits.attempts, waits.seen, waits.settled) == (20, 2, 2, 100.0, 101.0)
        assert ledger.next(), "a retry of a clock that went is due"
        assert written.path == ROOT / "4\udcff.ARW"
        figures = Figures(taken="2026-11-21T18:00:00.000", iso=800, red_level=812.5, write_s=0.5)
        assert (written.figures, written.output, written.output_size) == (figures, ROOT / "4.fits", 99)
        assert (written.recipe, written.ended, written.live) == ("r", 103.0, True)
        assert (failed.code, failed.reason, failed.final, failed.attempts) == ("read", "I/O error", False, 5)
        assert (damaged.code, damaged.final) == ("damaged", True)
        assert ledger.owners(ROOT / "4.fits") == [written.path]
        assert ledger.reclaim() == 1
    with History(folder) as history:
        (record,) = history.frames(states=["written"])
        assert (record.taken, record.iso, record.work_s, record.recorded) == (figures.taken, 800, 0.5, 1000.0)
        assert record.version is None, "nobody wrote it down"


def test_an_earlier_ledger_is_brought_up_to_date_with_its_content(folder):
    check(folder)
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        assert schema.is_of(db, schema.VERSION)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        left = db.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    assert len(left) == len(schema.STATEMENTS[schema.VERSION]), "nothing of the version before is left"


def test_readers_of_an_earlier_ledger_are_told_what_to_do(folder):
    with History(folder) as history, pytest.raises(Exception, match="start the daemon of this version once"):
        history.failed()


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from arwatch.ledger.store import Ledger

class Connection(sqlite3.Connection):
    left = int(sys.argv[2])

    def execute(self, statement, *values):
        if self.in_transaction:
            Connection.left -= 1
            if not Connection.left:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(statement, *values)

connect = sqlite3.connect
sqlite3.connect = lambda path, **options: connect(path, factory=Connection, **options)
Ledger(Path(sys.argv[1]), clock=lambda: 1000.0).close()
"""


def test_a_kill_at_any_step_leaves_the_earlier_ledger_whole(folder):
    before = content(folder)
    for step in range(1, 1000, 4 if before[1] == (1,) else 1):
        done = subprocess.run([sys.executable, "-c", KILLED, folder, str(step)], check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        if content(folder)[1] != before[1]:
            break  # it was complete when it was killed
        assert content(folder) == before
    assert step > (20 if before[1] == (1,) else 3), "it was killed in the middle"
    check(folder)


def test_two_programs_may_bring_it_up_to_date_at_once(folder):
    barrier, failures = threading.Barrier(4), []

    def start():
        barrier.wait()
        try:
            Ledger(folder, [ROOT], lambda: 1000.0).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check(folder)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE frames SET state = 'writen' WHERE state = 'written'",
        "UPDATE frames SET facts = '{' WHERE state = 'written'",
        "UPDATE frames SET attempts = 'x'",
        "ALTER TABLE frames RENAME COLUMN facts TO factt",
    ],
)
@pytest.mark.parametrize("folder", [1], indirect=True)
def test_a_damaged_earlier_ledger_is_damage_and_left_as_it_is(folder, change):
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as db:
        db.execute(change)
    before = content(folder)
    with pytest.raises(DamagedLedgerError):
        Ledger(folder, [ROOT])
    assert content(folder) == before


@pytest.mark.parametrize(
    ("version", "digest"),
    [(1, "922e2f7e4d40621a"), (2, "c79dffc2a9859927"), (3, "ec4b1d5502bdf737")],
)
def test_the_tables_of_a_version_never_change(version, digest):
    """What has been in use stays: a change is a new version and a migration. Comments may change."""
    tables = json.dumps(schema._expected(version), sort_keys=True)
    assert hashlib.sha256(tables.encode()).hexdigest()[:16] == digest
