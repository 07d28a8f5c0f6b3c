"""Reading the ledger while another process, perhaps under another account, writes it."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from arwatch.errors import FailureCode
from arwatch.ledger.database import Database
from arwatch.ledger.faults import DamagedLedgerError, LedgerError, NoLedgerError
from arwatch.ledger.history import History
from arwatch.ledger.store import Ledger, set_aside
from arwatch.model.figures import Figures
from arwatch.model.job import Look

ROOT = Path("/night")
NOBODY = 65534
AS_ANOTHER = pytest.param(NOBODY, marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights"))


class Writer:
    """A daemon's ledger that the test writes."""

    def __init__(self, folder):
        self.now = 1000.0
        self.ledger = Ledger(folder, [ROOT], lambda: self.now)

    def settle(self, name):
        self.ledger.saw(ROOT / name, live=True)
        self.ledger.settled(ROOT / name, Look(10, 5))

    def start(self, name):
        self.settle(name)
        self.ledger.started(ROOT / name, ROOT / f"{name}.fits", "recipe")

    def write(self, name, **figures):
        self.start(name)
        self.ledger.written(ROOT / name, 99, Figures(**figures))

    def fail(self, name):
        self.start(name)
        self.ledger.failed(ROOT / name, None, FailureCode.DAMAGED, "rows repeat")


@pytest.fixture
def folder():
    """Give a state folder that other accounts may look into; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="arwatch-state-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def writer(folder):
    daemon = Writer(folder)
    yield daemon
    daemon.ledger.close()


@pytest.fixture
def history(folder):
    with History(folder) as reader:
        yield reader


def names(records):
    return [record.path.name for record in records]


def test_records_in_their_order_and_within_limits(writer, history):
    for number in range(5):
        writer.now = 1000.0 + number
        (writer.fail if number == 2 else writer.write)(f"{number}")
    assert names(history.frames()) == list("01234")
    assert names(history.frames(newest_first=True)) == list("43210")
    assert names(history.frames(1001.0, 1003.0)) == list("12")
    assert names(history.frames(states=["failed"])) == ["2"]
    assert names(history.frames(1003.0, states=["written", "failed"], newest_first=True)) == list("43")
    assert history.counts() == {"written": 4, "failed": 1}
    assert history.counts(1003.0) == {"written": 2}


def test_records_by_their_time_of_exposure(writer, history):
    for number in range(3):
        writer.write(f"{number}", taken=f"2026-11-21T2{number}:00:00.000+00:00")
    writer.write("unknown")
    assert names(history.frames(taken_from="2026-11-21T21:00", taken_before="2026-11-21T22:00")) == ["1"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_more_records_than_are_read_at_a_time(writer, history, *, newest_first):
    with writer.ledger._db.transaction():
        for number in range(2500):
            writer.ledger._db.run(
                "INSERT INTO history (path, state, final, attempts, live, seen, recorded)"
                " VALUES (?, 'written', 0, 1, 0, 1.0, 1.0)",
                (b"/night/%04d" % number,),
            )
    found = names(history.frames(newest_first=newest_first))
    assert sorted(found, reverse=newest_first) == found
    assert len(found) == 2500


def test_failed_frames_until_they_are_dealt_with(writer, history):
    for name in ("again", "asked", "mended", "stays", "vanishes"):
        writer.fail(name)
    writer.settle("again")
    writer.ledger.ask_again(ROOT / "asked")
    writer.write("mended")
    writer.settle("vanishes")
    writer.ledger.gone(ROOT / "vanishes")
    (record,) = history.failed()
    assert (record.path, record.code, record.reason) == (ROOT / "stays", "damaged", "rows repeat")
    assert (record.attempts, record.final, record.ended) == (1, True, 1000.0)


def test_attempts_queue_and_the_newest_life_of_a_frame(writer, history):
    writer.fail("a")
    writer.write("a")
    writer.settle("b")
    assert [attempt.result for attempt in history.attempts(ROOT / "a")] == ["failed", "written"]
    assert history.newest(ROOT / "a").state == "written"
    assert history.newest(ROOT / "b") is None
    assert [(entry.path.name, entry.state) for entry in history.queue()] == [("b", "settled")]


def test_whether_anything_changed(writer, history):
    assert history.changed()
    assert not history.changed()
    writer.write("a")
    assert history.changed()
    assert not history.changed()
    history.failed()
    assert not history.changed()


def test_a_ledger_that_comes_goes_and_is_exchanged(folder, history):
    with pytest.raises(NoLedgerError, match="no ledger"):
        history.failed()
    first = Writer(folder)
    first.fail("first")
    assert names(history.failed()) == ["first"]
    assert history.changed()
    set_aside(folder)
    with pytest.raises(NoLedgerError):
        history.failed()
    second = Writer(folder)
    second.fail("second")
    assert names(history.failed()) == ["second"]
    assert history.changed()
    first.ledger.close()
    second.ledger.close()


def test_a_ledger_whose_tables_are_not_made_yet(folder, history):
    """The daemon makes the file first: a reader who comes in that moment finds no ledger, and no damage."""
    (folder / "ledger.sqlite").touch()
    with pytest.raises(NoLedgerError):
        history.failed()
    daemons = Database.for_writing(folder / "ledger.sqlite")
    with pytest.raises(NoLedgerError):
        history.failed()
    daemons.close()
    writer = Writer(folder)
    writer.fail("first")
    assert names(history.failed()) == ["first"]
    writer.ledger.close()


def test_a_ledger_that_is_closed_and_opened_again(folder, history):
    """While it is closed nothing is made beside it: a file of another account's would stop the daemon."""
    for number in range(3):
        writer = Writer(folder)
        writer.fail(f"{number}")
        assert len(history.failed()) == number + 1
        history.close()
        writer.ledger.close()
        assert [file.name for file in folder.iterdir()] == ["ledger.sqlite"]
        assert len(history.failed()) == number + 1
        assert history.changed()
        assert not history.changed()
        assert [file.name for file in folder.iterdir()] == ["ledger.sqlite"]
    writer = Writer(folder)
    writer.fail("3")
    assert len(history.failed()) == 4, "the reader that took it for closed notices"
    assert history.changed()
    writer.ledger.close()


def test_a_copy_without_its_companion(folder, writer, tmp_path):
    writer.fail("a")
    copy = tmp_path / "copy"
    copy.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(folder / f"ledger.sqlite{ending}", copy)
    with History(copy) as reader:
        assert names(reader.failed()) == ["a"]


def test_a_damaged_ledger(folder, writer, history):
    writer.fail("a")
    writer.ledger._db.run("UPDATE history SET state = 'faild'")
    with pytest.raises(DamagedLedgerError):
        list(history.frames())
    with pytest.raises(DamagedLedgerError):
        history.counts()
    (folder / "other").mkdir()
    (folder / "other" / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with History(folder / "other") as other, pytest.raises(DamagedLedgerError):
        other.failed()


def test_a_ledger_of_a_later_version(folder, history):
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        db.executescript("CREATE TABLE lives (path BLOB); PRAGMA user_version = 4")
    with pytest.raises(LedgerError, match="update arwatch"):
        history.failed()


READ = """
import os, sys
from pathlib import Path
from arwatch.ledger.history import History  # now: the account may not be allowed to look into the interpreter's folder
if int(sys.argv[2]):
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
with History(Path(sys.argv[1])) as history:
    history.changed()
    print("ready", flush=True)
    for line in sys.stdin:
        print(history.changed(), [record.path.name for record in history.frames()], flush=True)
"""


@contextlib.contextmanager
def reading(folder, user):
    """Run a reader in a process of its own; gives a function that asks it."""
    process = subprocess.Popen(
        [sys.executable, "-c", READ, folder, str(user)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask():
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    try:
        assert process.stdout.readline() == "ready\n"
        yield ask
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.parametrize("user", [0, AS_ANOTHER])
def test_another_process_reads_what_is_written_meanwhile(folder, user):
    """Also one of an account that may only read; the daemon can go on, close, and start again."""
    writer = Writer(folder)
    with reading(folder, user) as ask:
        assert ask() == "False []"
        writer.write("a")
        assert ask() == "True ['a']"
        assert ask() == "False ['a']"
        writer.ledger.close()
        assert ask().endswith(" ['a']")
        writer = Writer(folder)
        writer.write("b")
        assert ask() == "True ['a', 'b']"
        writer.ledger.close()
    assert {path.owner() for path in folder.iterdir()} == {folder.owner()}
    with reading(folder, user) as ask:
        assert ask() == "False ['a', 'b']"
        writer = Writer(folder)
        writer.write("c")
        assert ask() == "True ['a', 'b', 'c']"
        writer.ledger.close()


@pytest.mark.parametrize("user", [0, AS_ANOTHER])
def test_the_ledger_of_a_daemon_that_was_killed_is_read(folder, user):
    """Its last steps are in the write-ahead log, which nobody has folded in."""
    code = "import os, sys; sys.path[:0] = sys.argv[2:]; from test_history import *; w = Writer(Path(sys.argv[1]))"
    code += "; w.write('a'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, folder, str(Path(__file__).parent)], check=False)
    assert (folder / "ledger.sqlite-wal").stat().st_size
    with reading(folder, user) as ask:
        assert ask() == "False ['a']"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")
def test_a_folder_that_may_not_be_looked_into(folder, writer):
    writer.fail("a")
    folder.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-c", READ, folder, str(NOBODY)], check=False, capture_output=True, text=True
    )
    assert "LedgerError" in done.stderr
    assert "may not be read" in done.stderr
