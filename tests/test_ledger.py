import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arwatch.errors import FailureCode
from arwatch.ledger.store import Ledger, LedgerError, set_aside
from arwatch.model.figures import Figures
from arwatch.model.job import Look

ROOT = Path("/night")
FRAME = ROOT / "DSC00001.ARW"
OUTPUT = ROOT / "DSC00001.bkg_subtracted.fits"


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    book = Ledger(tmp_path, [ROOT], clock)
    yield book
    book.close()


def settled(ledger, path=FRAME, *, live=False, size=10, mtime_ns=5):
    ledger.saw(path, live=live)
    ledger.settled(path, Look(size, mtime_ns))


def test_a_frame_s_life(ledger, clock):
    ledger.saw(FRAME, live=True)
    assert ledger.get(FRAME).state == "seen"
    assert ledger.next() is None
    clock.now = 1002.0
    ledger.settled(FRAME, Look(10, 5))
    entry = ledger.next()
    assert (entry.path, entry.size, entry.mtime_ns, entry.live, entry.settled) == (FRAME, 10, 5, True, 1002.0)
    clock.now = 1003.0
    ledger.started(FRAME, OUTPUT, "recipe")
    assert ledger.next() is None
    assert ledger.owners(OUTPUT) == [FRAME]
    clock.now = 1004.0
    ledger.written(FRAME, 99, Figures(red_level=812.5))
    entry = ledger.get(FRAME)
    assert (entry.state, entry.attempts, entry.output, entry.output_size) == ("written", 1, OUTPUT, 99)
    assert (entry.seen, entry.started, entry.ended, entry.recipe) == (1000.0, 1003.0, 1004.0, "recipe")
    assert entry.figures == Figures(red_level=812.5)


def test_live_frames_go_before_the_backlog_and_the_oldest_first_among_each(ledger):
    for name, live, mtime_ns in (("b2", False, 2), ("b1", False, 1), ("l9", True, 9), ("l8", True, 8)):
        settled(ledger, ROOT / name, live=live, mtime_ns=mtime_ns)
    order = []
    while (entry := ledger.next()) is not None:
        order.append(entry.path.name)
        ledger.started(entry.path, OUTPUT.with_name(entry.path.name), "")
    assert order == ["l8", "l9", "b1", "b2"]


def test_a_retried_frame_waits_its_time(ledger, clock):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "")
    ledger.put_back(FRAME, delay_s=30.0)
    assert ledger.next() is None
    assert ledger.waiting() == 1
    assert ledger.next_retry_s() == 30.0
    clock.now += 30.0
    assert ledger.next().attempts == 1


def test_an_attempt_that_was_not_the_frame_s_fault_does_not_count(ledger):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "")
    ledger.put_back(FRAME, uncounted=True)
    assert ledger.next().attempts == 0


def test_what_was_in_work_when_the_daemon_died_is_put_back(tmp_path, ledger, clock):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "")
    ledger.saw(ROOT / "growing.ARW", live=True)
    successor = Ledger(tmp_path, [ROOT], clock)
    assert successor.reclaim() == 1
    assert successor.next().path == FRAME
    successor.close()


def test_a_changed_frame_begins_a_new_life(ledger):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "")
    ledger.failed(FRAME, Look(10, 5), FailureCode.DAMAGED, "rows repeat")
    entry = ledger.get(FRAME)
    assert (entry.state, entry.code, entry.reason, entry.final) == ("failed", "damaged", "rows repeat", True)
    ledger.saw(FRAME, live=True)
    entry = ledger.get(FRAME)
    assert (entry.state, entry.attempts, entry.code, entry.final) == ("seen", 0, None, False)


def test_the_queue_holds_only_what_is_watched(ledger):
    settled(ledger, Path("/elsewhere/a.ARW"))
    settled(ledger, Path("/night2/a.ARW"))
    assert ledger.next() is None
    assert ledger.waiting() == 0
    ledger.watch([Path("/elsewhere")])
    assert ledger.next().path == Path("/elsewhere/a.ARW")


def test_the_clock_set_back_does_not_hold_up_a_retry_for_ever(ledger, clock):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "")
    ledger.put_back(FRAME, delay_s=5.0)
    clock.now -= 86400.0
    assert ledger.next_retry_s() <= 600.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=255).filter(lambda b: b"/" not in b and b"\0" not in b))
def test_any_name_comes_back_as_it_was(ledger, name):
    path = ROOT / os.fsdecode(name)
    settled(ledger, path)
    ledger.failed(path, None, FailureCode.READ, f"cannot read {path}")
    assert ledger.get(path).path == path
    ledger.forget(path)
    assert ledger.get(path) is None


def test_an_unreadable_ledger_is_set_aside(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Ledger(tmp_path, [ROOT])
    kept = set_aside(tmp_path)
    assert kept.exists()
    book = Ledger(tmp_path, [ROOT])
    assert book.created
    book.close()


def test_a_ledger_that_is_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "ledger.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match="symbolic link"):
        Ledger(tmp_path, [ROOT])


def test_a_state_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be made"):
        Ledger(tmp_path / "file" / "state", [ROOT])


def test_damaged_facts_are_a_damaged_ledger(ledger):
    settled(ledger)
    ledger.written(FRAME, 1, Figures(red_level=1.0))
    ledger._db.execute("UPDATE frames SET facts = '{\"red_le'")
    with pytest.raises(sqlite3.DatabaseError, match="damaged"):
        ledger.get(FRAME)
