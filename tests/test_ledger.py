import contextlib
import math
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arwatch import __version__
from arwatch.errors import FailureCode
from arwatch.ledger import database
from arwatch.ledger.columns import HISTORY
from arwatch.ledger.faults import DamagedLedgerError, LedgerError, is_passing
from arwatch.ledger.records import read_record
from arwatch.ledger.store import Ledger, set_aside
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


def test_of_no_folders_nothing_waits(ledger):
    """All of them are away, or are watched no more."""
    settled(ledger)
    ledger.put_back(FRAME, delay_s=30.0)
    assert (ledger.next([]), ledger.next_retry_s([])) == (None, None)
    ledger.watch([])
    assert (ledger.next(), ledger.next_retry_s(), ledger.waiting(), ledger.reclaim()) == (None, None, 0, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=255).filter(lambda b: b"/" not in b and b"\0" not in b))
def test_any_name_comes_back_as_it_was(ledger, name):
    path = ROOT / os.fsdecode(name)
    settled(ledger, path)
    ledger.failed(path, None, FailureCode.READ, f"cannot read {path}")
    assert ledger.get(path).path == path


def test_an_unreadable_ledger_is_set_aside(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(DamagedLedgerError):
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


# -- what is remembered -------------------------------------------------------------------------------------------


def fail(ledger, path=FRAME, code=FailureCode.DAMAGED):
    settled(ledger, path)
    ledger.started(path, OUTPUT, "recipe")
    ledger.failed(path, None, code, "rows repeat")


def history(ledger):
    return [read_record(row) for row in ledger._db.rows(f"SELECT {', '.join(HISTORY)} FROM history ORDER BY number")]


def attempts(ledger):
    return ledger._db.rows("SELECT began, ended, result, code, reason FROM attempts ORDER BY recorded")


def test_each_life_is_remembered(ledger, clock):
    fail(ledger)
    clock.now = 2000.0
    settled(ledger, size=11)
    ledger.started(FRAME, OUTPUT, "recipe")
    figures = Figures(taken="2026-11-21T18:00:00.000", exposure_s=120.0, iso=800, red_level=812.5, write_s=0.25)
    ledger.written(FRAME, 99, figures)
    first, second = history(ledger)
    assert (first.state, first.code, first.final, first.size, first.recorded) == ("failed", "damaged", True, 10, 1000.0)
    assert (second.state, second.code, second.size, second.recorded) == ("written", None, 11, 2000.0)
    assert (second.taken, second.exposure_s, second.iso) == (figures.taken, 120.0, 800)
    assert (second.figures, second.work_s, second.version) == (figures, 0.25, __version__)


def test_an_output_may_lie_elsewhere_and_be_made_with_other_settings_than_planned(ledger):
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "recipe")
    other = OUTPUT.with_name("other.fits")
    ledger.written(FRAME, 99, Figures(), skipped=True, output=other, recipe="of before")
    entry = ledger.get(FRAME)
    assert (entry.state, entry.has_output, entry.output, entry.recipe) == ("skipped", True, other, "of before")
    assert ledger.owners(other) == [FRAME]


def test_each_attempt_is_remembered(ledger, clock):
    settled(ledger)
    for end in (
        lambda: ledger.put_back(FRAME, delay_s=1.0, code=FailureCode.READ, reason="I/O error"),
        lambda: ledger.put_back(FRAME, uncounted=True),
        ledger.reclaim,
        lambda: ledger.written(FRAME, 1, Figures()),
    ):
        ledger.started(FRAME, OUTPUT, "recipe")
        clock.now += 1.0
        end()
    assert attempts(ledger) == [
        (1000.0, 1001.0, "failed", "read", "I/O error"),
        (1001.0, 1002.0, "dropped", None, None),
        (1002.0, None, "dropped", None, "the daemon ended meanwhile"),
        (1003.0, 1004.0, "written", None, None),
    ]


def test_an_output_stays_its_frame_s_while_that_is_made_anew(ledger):
    """Another frame that would have the same name must not take it then."""
    fail(ledger)
    ledger.saw(FRAME, live=True)
    assert ledger.owners(OUTPUT) == [FRAME]
    ledger.settled(FRAME, Look(10, 5))
    ledger.started(FRAME, OUTPUT.with_name("other.fits"), "recipe")
    assert ledger.owners(OUTPUT) == []


def test_a_user_may_ask_for_another_try(tmp_path, ledger, clock):
    """What is asked for survives restarts until a scan takes the frame up; what was before is not forgotten."""
    fail(ledger)
    ledger.ask_again(FRAME)
    assert (ledger.get(FRAME).state, ledger.next(), ledger.waiting()) == ("asked", None, 0)
    ledger.reclaim()
    assert ledger.get(FRAME).state == "asked"
    ledger.saw(FRAME, live=False)
    assert Ledger(tmp_path, [ROOT], clock).reclaim() == 0  # killed before the frame had settled
    assert ledger.get(FRAME).state == "asked"
    settled(ledger)
    ledger.ask_again(FRAME)
    assert ledger.get(FRAME).state == "settled"
    assert [record.state for record in history(ledger)] == ["failed"]


def test_what_was_growing_when_the_daemon_died_is_found_anew(ledger):
    ledger.saw(FRAME, live=True)
    ledger.reclaim()
    assert ledger.get(FRAME) is None


def test_old_records_are_removed_in_bites(ledger, clock):
    for number in range(5):
        fail(ledger, ROOT / f"{number}.ARW")
        clock.now += 86400.0
    assert ledger.prune(0) == 0
    assert len(history(ledger)) == 5
    assert [ledger.prune(2, most=2) for _ in range(3)] == [2, 1, 0]
    assert len(attempts(ledger)) == 2, "those of the frames that are remembered"
    assert [record.path.name for record in history(ledger)] == ["3.ARW", "4.ARW"]
    assert ledger.get(ROOT / "0.ARW") is None


def test_an_old_frame_that_is_found_again_is_remembered_as_long_as_any_other(ledger, clock):
    fail(ledger)
    clock.now += 31 * 86400.0
    assert ledger.prune(30) == 1
    settled(ledger)  # its file is as old as before
    ledger.started(FRAME, OUTPUT, "recipe")
    ledger.written(FRAME, 1, Figures(), skipped=True)
    clock.now += 29 * 86400.0
    assert ledger.prune(30) == 0
    assert ledger.get(FRAME).state == "skipped"


@pytest.mark.parametrize(
    "figures",
    [
        Figures(iso=3200.5),
        Figures(iso=10**30),
        Figures(red_level=math.nan),
        Figures(exposure_s=math.inf),
        Figures(exposure_s="long"),
        Figures(iso=True),
    ],
)
def test_figures_that_are_none_are_unknown(ledger, figures):
    """They come from headers, which other programs may have written."""
    settled(ledger)
    ledger.written(FRAME, 1, figures)
    assert ledger.get(FRAME).figures == Figures()


FRAMES = [ROOT / name for name in "abc"]
STEPS = {
    "saw": lambda ledger, path: ledger.saw(path, live=True),
    "settled": lambda ledger, path: ledger.settled(path, Look(10, 5)),
    "started": lambda ledger, path: ledger.started(path, path.with_suffix(".fits"), "recipe"),
    "written": lambda ledger, path: ledger.written(path, 99, Figures(iso=800)),
    "skipped": lambda ledger, path: ledger.written(path, 99, Figures(iso=800), skipped=True),
    "failed": lambda ledger, path: ledger.failed(path, Look(11, 6), FailureCode.READ, "I/O error"),
    "gone": lambda ledger, path: ledger.gone(path),
    "put_back": lambda ledger, path: ledger.put_back(path),
    "ask_again": lambda ledger, path: ledger.ask_again(path),
    "reclaim": lambda ledger, _: ledger.reclaim(),
}


class Model:
    """What a ledger is to do, in two dictionaries: path -> (state, size, attempts, output's name, code)."""

    def __init__(self):
        self.queue, self.ended = {}, {}

    def get(self, path):
        return self.queue.get(path, self.ended.get(path))

    def step(self, name, path):
        known = self.queue.get(path)
        last_output = self.ended.get(path, (None,) * 5)[3]
        if name == "reclaim":
            self.queue = dict(self._reclaimed())
        elif name == "ask_again":
            self.queue.setdefault(path, ("asked", None, 0, last_output, None))
        elif name == "saw":
            self.queue[path] = ("seen", known[1], 0, known[3], None) if known else ("seen", None, 0, last_output, None)
        elif known:
            self._known_step(name, path, *known)

    def _known_step(self, name, path, _state, size, attempts, output, _code):
        went_on = {
            "settled": ("settled", 10, attempts, output, None),
            "put_back": ("settled", size, attempts, output, None),
            "started": ("working", size, attempts + 1, path.stem + ".fits", None),
        }
        if name in went_on:
            self.queue[path] = went_on[name]
        else:
            del self.queue[path]
            size, code = (11, "read") if name == "failed" else (size, None)
            self.ended[path] = (name, size, attempts, output, code)

    def _reclaimed(self):
        for path, (state, *rest) in self.queue.items():
            if state != "seen":
                yield path, ("settled" if state == "working" else state, *rest)
            elif path in self.ended:
                yield path, ("asked", *rest)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.sampled_from(FRAMES)), max_size=60))
def test_any_steps_leave_what_a_plain_model_has(steps):
    """And the history only grows: no record is ever changed."""
    ledger, model, before = Ledger(None, [ROOT]), Model(), []
    for name, path in steps:
        model.step(name, path)
        STEPS[name](ledger, path)
        for frame in FRAMES:
            entry = ledger.get(frame)
            output = entry and entry.output and entry.output.name
            found = entry and (entry.state, entry.size, entry.attempts, output, entry.code)
            assert found == model.get(frame)
        now = history(ledger)
        assert now[: len(before)] == before
        assert len(now) - len(before) <= 1
        before = now
    assert {entry.path for entry in ledger.entries()} == model.queue.keys() | model.ended.keys()
    ledger.close()


def test_that_a_frame_vanished_is_recorded_whole_or_not_at_all(ledger):
    """Half of it is a frame that is asked for and that no scan will ever find."""
    fail(ledger)
    ledger._db.run("CREATE TRIGGER broken BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'broken'); END")
    with pytest.raises(sqlite3.IntegrityError):
        ledger.vanished(FRAME)
    assert ledger.get(FRAME).state == "failed"


# -- damage -------------------------------------------------------------------------------------------------------

DAMAGE = [
    ("queue", "state", "'wrking'"),
    ("queue", "live", "7"),
    ("queue", "attempts", "'many'"),
    ("queue", "seen", "1e300"),
    ("queue", "recipe", "CAST(x'ff' AS TEXT)"),
    ("queue", "size", "-1"),
    ("queue", "output", "'a text'"),
    ("queue", "output", "CAST('night/DSC00001.fits' AS BLOB)"),
    ("history", "state", "'writen'"),
    ("history", "output", "x'c3a9'"),
    ("history", "figures", "'{\"red_le'"),
    ("history", "figures", "'[1]'"),
    ("history", "figures", '\'{"red_level": "high"}\''),
    ("history", "figures", "'{\"red_level\": NaN}'"),
    ("history", "reason", "CAST(x'ff' AS TEXT)"),
    ("history", "ended", "'noon'"),
    ("history", "final", "x'00'"),
    ("history", "mtime_ns", "'x'"),
]


@pytest.mark.parametrize(("table", "column", "value"), DAMAGE)
def test_what_no_ledger_wrote_is_damage(ledger, table, column, value):
    if table == "queue":
        settled(ledger)
        ledger.started(FRAME, OUTPUT, "recipe")
    else:
        fail(ledger)
    ledger.get(FRAME)
    ledger._db.run(f"UPDATE {table} SET {column} = {value}")
    with pytest.raises(DamagedLedgerError):
        ledger.get(FRAME)


@pytest.mark.parametrize("number", ["'a text'", "x''", "9223372036854775807"])
def test_an_attempt_that_cannot_be_counted_on_from_is_damage(ledger, number):
    """No number follows it. In a large ledger it is not read at the start; a zeroed block makes such rows, too."""
    fail(ledger)
    ledger._db.run(f"UPDATE attempts SET number = {number}")
    fail(ledger)
    with pytest.raises(DamagedLedgerError):
        fail(ledger)


@pytest.mark.parametrize("path", ["7", "'a text'", "x'ff'"])
def test_an_owner_that_is_no_path_is_damage(ledger, path):
    fail(ledger)
    ledger._db.run(f"UPDATE history SET path = {path}")
    with pytest.raises(DamagedLedgerError):
        ledger.owners(OUTPUT)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE history SET reason = CAST(x'ff' AS TEXT) WHERE number = 1",
        "UPDATE history SET figures = '{' WHERE number = 1",
        "UPDATE attempts SET ended = 'noon'",
        "UPDATE attempts SET number = 9223372036854775806 WHERE number = 2",
        "UPDATE history SET number = 9223372036854775807 WHERE number = 1",
        "UPDATE queue SET recipe = x'00' WHERE path < x'2f6e69676874'",
        "UPDATE queue SET not_before = 'noon'",
    ],
)
def test_a_row_that_nobody_could_read_is_found_at_the_start(tmp_path, ledger, change):
    """The daemon reads none of these for long, or never: readers would be refused until the end of days."""
    fail(ledger)
    fail(ledger)
    settled(ledger, ROOT / "waits.ARW")
    ledger._db.run("INSERT INTO queue (path, state, seen) VALUES (CAST('/elsewhere' AS BLOB), 'asked', 1.0)")
    ledger.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as db:
        assert db.execute(change).rowcount
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path, [ROOT])


def test_a_wait_that_is_no_time_is_damage(ledger):
    settled(ledger)
    ledger._db.run("UPDATE queue SET not_before = 'noon'")
    with pytest.raises(DamagedLedgerError):
        ledger.next_retry_s()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE queue RENAME COLUMN recipe TO recipf",
        "ALTER TABLE history DROP COLUMN version",
        "ALTER TABLE queue RENAME TO queuf",
        "DROP INDEX queue_order",
        "DROP TABLE attempts",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = 2; DROP TABLE fields; CREATE TABLE fields (other)",
        "PRAGMA user_version = 4",
        "PRAGMA user_version = 16777218",
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET name = CAST(x'ff' AS TEXT) WHERE name = 'history_paths'",
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TABLE qu' WHERE name = 'queue'",
        # as one bit makes it; SQLite itself reads it all the same
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = CAST(sql AS BLOB) WHERE name = 'queue'",
    ],
)
def test_tables_that_are_not_the_ledger_s_are_damage(tmp_path, ledger, change):
    settled(ledger)
    ledger.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as db:
        db.executescript(change)
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path, [ROOT])


def test_a_table_that_vanishes_in_use_is_damage(tmp_path, ledger):
    settled(ledger)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as db:
        db.execute("DROP TABLE history")
    with pytest.raises(DamagedLedgerError):
        ledger.gone(FRAME)


def test_a_page_that_is_overwritten_is_damage(tmp_path, ledger):
    for number in range(300):
        settled(ledger, ROOT / f"{number:04}.ARW")
    ledger.close()
    data = bytearray((tmp_path / "ledger.sqlite").read_bytes())
    place = data.index(b"/night/0200.ARW")
    data[place - 2000 : place + 2000] = bytes(4000)
    (tmp_path / "ledger.sqlite").write_bytes(data)
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path, [ROOT])


def test_what_passes_is_no_damage(tmp_path, monkeypatch):
    Ledger(tmp_path, [ROOT]).close()
    monkeypatch.setattr("arwatch.ledger.database.PATIENCE_S", 0.05)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        second = Ledger(tmp_path, [ROOT])
        with pytest.raises(sqlite3.OperationalError) as error:
            second.saw(FRAME, live=True)
        second.close()
    assert is_passing(error.value)


@pytest.mark.parametrize(
    ("statement", "values", "kind"),
    [
        ("INSERT INTO queue (path, state, seen) VALUES (NULL, 'seen', 1.0)", (), sqlite3.IntegrityError),
        ("SELECT no_such_column FROM queue", (), sqlite3.OperationalError),
        ("SELECT ?", (), sqlite3.ProgrammingError),
        ("SELECT ?", (object(),), (sqlite3.ProgrammingError, sqlite3.InterfaceError)),
    ],
)
def test_a_mistake_in_arwatch_is_neither(ledger, statement, values, kind):
    with pytest.raises(kind) as error:
        ledger._db.run(statement, values)
    assert not is_passing(error.value)


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.executescript("CREATE TABLE lives (path BLOB); PRAGMA user_version = 4")
    with pytest.raises(LedgerError, match="update arwatch") as error:
        Ledger(tmp_path, [ROOT])
    assert not isinstance(error.value, DamagedLedgerError)


def test_a_file_that_only_claims_to_be_unwritable_is_damaged(tmp_path, ledger):
    """Its header says that a later SQLite made it: it would be taken for a disk that may be written again."""
    settled(ledger)
    ledger.close()
    with (tmp_path / "ledger.sqlite").open("r+b") as file:
        file.seek(18)
        file.write(bytes([9, 2]))
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path, [ROOT]).reclaim()


def test_a_version_that_is_damaged_alone_costs_nothing(tmp_path, ledger):
    settled(ledger)
    ledger.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.execute("PRAGMA user_version = 2")
    with contextlib.closing(Ledger(tmp_path, [ROOT])) as again:
        assert again.waiting() == 1


def test_a_damaged_path_is_noticed_where_its_index_is_sound(tmp_path, ledger, monkeypatch):
    """In a ledger that is too large to be looked through at a start."""
    settled(ledger)
    ledger.started(FRAME, OUTPUT, "recipe")
    ledger.failed(FRAME, Look(10, 5), FailureCode.DAMAGED, "rows repeat")
    ledger.close()
    file = tmp_path / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as db:
        ((page,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'history'")
    data = bytearray(file.read_bytes())
    data[data.index(bytes(FRAME), 4096 * (page - 1)) + 1] ^= 1
    file.write_bytes(data)
    monkeypatch.setattr(database, "_SMALL", 0)
    with contextlib.closing(Ledger(tmp_path, [ROOT])) as damaged, pytest.raises(DamagedLedgerError):
        damaged.get(FRAME)
