"""What becomes of frames that folders tell of: no threads, no files, no waiting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from arwatch.daemon.arrivals import LIVE_S, Arrivals
from arwatch.daemon.first_scan import ALL, Backlog
from arwatch.daemon.report import Report
from arwatch.daemon.settle import Gone, Refused, Waiting
from arwatch.errors import DamagedError, FailureCode, IncompleteError
from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures
from arwatch.model.job import Look, Source
from arwatch.process.stages import recipe
from arwatch.settings import Background, Settings

NIGHT = Path("/nowhere/night")
FRAME = NIGHT / "a.ARW"
OUTPUT = NIGHT / "a.bkg_subtracted.fits"
LOOK = Look(10, 5)
OTHER = "a digest of other settings"
LATE_NS = 2**62


class TestFolders:
    """The folders' side: it notes what it was asked for."""

    __test__ = False
    paths = (NIGHT,)

    def __init__(self):
        self.asked = []

    def looks_at(self, path):
        return path.is_relative_to(NIGHT)

    def __getattr__(self, name):
        return lambda *args: self.asked.append((name, *args))


class Bench:
    def __init__(self, settings=None, backlog=ALL, ledger=None):
        self.told = []
        self.folders = TestFolders()
        self.ledger = ledger or Ledger(None, [NIGHT])
        self.given = {}
        report = Report(lambda event, **facts: self.told.append((event, facts)))
        self.arrivals = Arrivals(
            settings or Settings(), self.folders, self.ledger, self.given.get, report, backlog=backlog
        )

    def events(self):
        return [event for event, _ in self.told]

    def settled(self):
        self.ledger.saw(FRAME, live=False)
        self.ledger.settled(FRAME, LOOK)

    def written(self, digest=None):
        self.settled()
        self.ledger.started(FRAME, OUTPUT, digest or recipe(Settings()))
        self.ledger.written(FRAME, 99, Figures())

    def failed(self, code):
        self.settled()
        self.ledger.started(FRAME, OUTPUT, recipe(Settings()))
        self.ledger.failed(FRAME, LOOK, code, "because")


@pytest.mark.parametrize(
    "verdict", [Source(FRAME, *LOOK), Refused(FRAME, LOOK, DamagedError("broken")), Gone(FRAME)], ids=type
)
def test_a_frame_that_is_sighted_while_its_verdict_is_on_its_way_ends_once(verdict):
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.sighted(FRAME, LOOK)  # lets it settle again
    for _ in range(2):
        bench.arrivals.decided(verdict)
    assert len(bench.events()) == 2, "seen, and one end"


@pytest.mark.parametrize(
    "verdict", [Source(FRAME, 11, 6), Refused(FRAME, Look(11, 6), DamagedError("broken")), Gone(FRAME)], ids=type
)
def test_a_frame_that_settles_once_more_while_a_worker_has_it_is_given_to_no_other(verdict):
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.sighted(FRAME, LOOK)  # lets it settle again
    bench.arrivals.decided(Source(FRAME, *LOOK))
    bench.given[FRAME] = bench.ledger.get(FRAME)
    bench.ledger.started(FRAME, OUTPUT, recipe(Settings()))
    bench.arrivals.decided(verdict)
    assert (bench.ledger.get(FRAME).state, bench.ledger.next()) == ("working", None)
    bench.arrivals.ended(FRAME)
    assert bench.folders.asked[-1] == ("look_at", FRAME)


def test_a_new_frame_is_told_once_and_has_to_settle():
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.sighted(FRAME, LOOK)
    assert bench.events() == ["frame.seen"]
    assert bench.folders.asked == [("settle", FRAME)] * 2
    assert (len(bench.arrivals), bench.ledger.get(FRAME).state) == (1, "seen")


@pytest.mark.parametrize(
    ("verdict", "event", "state", "left"),
    [
        (Source(FRAME, *LOOK), "frame.settled", "settled", 0),
        (Waiting(FRAME, LOOK, 20), "frame.waiting", "seen", 1),
        (Refused(FRAME, LOOK, IncompleteError.at(10, 20)), "frame.failed", "failed", 0),
        (Refused(FRAME, LOOK, DamagedError("broken")), "frame.failed", "failed", 0),
        (Gone(FRAME), "frame.gone", "gone", 0),
    ],
)
def test_what_becomes_clear_of_it_is_recorded_and_told(verdict, event, state, left):
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.decided(verdict)
    assert bench.events() == ["frame.seen", event]
    assert (bench.ledger.get(FRAME).state, len(bench.arrivals)) == (state, left)


@pytest.mark.parametrize("careful", [False, True])
def test_a_frame_that_is_done_is_left_alone(careful):
    bench = Bench()
    bench.written()
    bench.arrivals.sighted(FRAME, LOOK, careful=careful)
    assert bench.told == []
    assert (("look_for_output", FRAME, LOOK, OUTPUT) in bench.folders.asked) is careful


def test_a_frame_that_is_done_without_a_name_of_its_output_is_taken_up_again():
    """Only damage makes such a record, and nobody could look whether the output is there."""
    bench = Bench()
    bench.settled()
    bench.ledger.written(FRAME, 99, Figures())
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    assert bench.events() == ["frame.seen"]


def test_a_frame_that_has_changed_is_taken_up_again():
    bench = Bench()
    bench.written()
    bench.arrivals.sighted(FRAME, Look(11, 6))
    assert bench.events() == ["frame.seen"]


@pytest.mark.parametrize(
    ("digest", "output", "again", "kept"),
    [
        (None, None, True, False),
        (None, Look(98, 0), True, False),
        (None, Look(99, 0), False, False),
        (OTHER, Look(99, 0), False, True),
        (OTHER, Look(99, LATE_NS), True, False),
        (OTHER, None, True, False),
    ],
    ids=["gone", "another", "there", "other settings", "other settings, written since", "other settings, gone"],
)
def test_what_becomes_of_an_output_that_was_looked_for(digest, output, *, again, kept):
    bench = Bench()
    bench.written(digest)
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.told == [], "before the answer nothing is told"
    bench.arrivals.output_found(FRAME, LOOK, output)
    assert ("frame.seen" in bench.events()) is again
    assert ("outputs.kept" in bench.events()) is kept
    if kept:
        ((_, facts),) = bench.told
        assert (facts["frames"], facts["reason"].endswith(f"arwatch process {NIGHT}")) == (1, True)


def test_an_output_in_a_folder_that_nobody_looks_at_is_not_waited_for():
    """[output] folder was another one before, or the record is damaged: what is kept elsewhere is told all the same."""
    bench = Bench()
    bench.written(OTHER)
    other = NIGHT / "b.ARW"
    bench.ledger.saw(other, live=False)
    bench.ledger.settled(other, LOOK)
    bench.ledger.started(other, Path("/nowhere/before/b.fits"), OTHER)
    bench.ledger.written(other, 99, Figures())
    for frame in (FRAME, other):
        bench.arrivals.sighted(frame, LOOK, careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    bench.arrivals.output_found(FRAME, LOOK, Look(99, 0))
    assert bench.events() == ["outputs.kept"]


def test_another_ledger_hears_of_what_settles():
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.use(Ledger(None, [NIGHT]))
    bench.arrivals.sighted(FRAME, LOOK)  # by the scan that follows
    bench.arrivals.decided(Source(FRAME, *LOOK))
    assert bench.arrivals.ledger.waiting() == 1


def test_an_output_whose_answer_was_lost_is_looked_for_again(monkeypatch):
    bench, ask = Bench(), ("look_for_output", FRAME, LOOK, OUTPUT)
    bench.written()
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    with monkeypatch.context() as patched:
        patched.setattr(bench.ledger, "saw", lambda *_, **__: {}["the ledger, now"])
        with pytest.raises(KeyError):
            bench.arrivals.output_found(FRAME, LOOK, None)
    bench.arrivals.sighted(FRAME, LOOK)
    assert bench.folders.asked.count(ask) == 2
    bench.arrivals.output_found(FRAME, LOOK, Look(99, 0))
    bench.arrivals.sighted(FRAME, LOOK)
    assert bench.folders.asked.count(ask) == 2, "outputs may be moved away while we run"


def test_what_is_kept_is_told_when_all_folders_were_gone_through():
    bench = Bench()
    bench.written(OTHER)
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    bench.arrivals.output_found(FRAME, LOOK, Look(99, 0))
    assert bench.told == []
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.events() == ["outputs.kept"]
    before = time.monotonic()
    bench.arrivals.kept.count_again()
    bench.arrivals.scanned(NIGHT, before)
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.output_found(FRAME, LOOK, Look(99, 0))
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.events() == ["outputs.kept"] * 2, "new settings: counted again, by a later scan"


@pytest.mark.parametrize(
    ("code", "careful", "again"),
    [
        (FailureCode.READ, False, False),
        (FailureCode.READ, True, True),
        (FailureCode.WORKER_LOST, True, True),
        (FailureCode.DAMAGED, True, False),
    ],
)
def test_what_failed_for_a_passing_reason_is_taken_up_where_its_folder_is_back(code, *, careful, again):
    bench = Bench()
    bench.failed(code)
    bench.arrivals.sighted(FRAME, LOOK, careful=careful)
    assert (bench.events() == ["frame.seen"]) is again


def test_a_file_that_vanishes_and_another_one_of_its_name_are_two_frames():
    bench = Bench()
    bench.written()
    bench.arrivals.vanished(FRAME)
    assert (bench.ledger.get(FRAME).state, bench.ledger.had_gone(FRAME), bench.told) == ("gone", True, [])
    bench.arrivals.vanished(FRAME)
    bench.arrivals.sighted(FRAME, Look(11, 6))
    bench.arrivals.vanished(FRAME)
    assert bench.ledger.get(FRAME).state == "seen", "its thread tells what becomes of it"
    assert bench.ledger.had_gone(FRAME)


def test_a_frame_that_vanishes_while_it_is_to_be_tried_again_is_expected_no_more():
    bench = Bench()
    bench.ledger.ask_again(FRAME)
    bench.arrivals.vanished(FRAME)
    assert bench.ledger.get(FRAME).state == "gone"


@pytest.mark.parametrize(
    ("path", "backlog", "state"),
    [
        (FRAME, ALL, "gone"),
        (FRAME, Backlog(new_only=True), "asked"),
        (NIGHT / "below" / "a.ARW", ALL, "asked"),
        (NIGHT / "of another pattern.raw", ALL, "asked"),
    ],
    ids=["absent", "perhaps left alone", "in a folder that was not searched", "not looked for"],
)
def test_what_was_to_be_tried_again_but_is_not_there_at_the_start(path, backlog, state):
    before = Bench(backlog=backlog)
    before.ledger.ask_again(path)
    now = Bench(backlog=backlog, ledger=before.ledger)
    now.arrivals.scanned(NIGHT, time.monotonic())
    assert now.ledger.get(path).state == state


def test_what_is_asked_for_during_the_first_scan_waits_for_the_next_one():
    bench = Bench()
    bench.ledger.ask_again(FRAME)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.ledger.get(FRAME).state == "asked"


def test_a_file_that_is_replaced_in_place_is_the_same_frame():
    bench = Bench()
    bench.written()
    bench.arrivals.sighted(FRAME, Look(11, 6))
    assert not bench.ledger.had_gone(FRAME)


def test_a_frame_in_work_is_looked_at_again_when_it_has_ended():
    bench = Bench()
    bench.settled()
    bench.given[FRAME] = bench.ledger.get(FRAME)
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.ended(FRAME)
    assert bench.folders.asked == []
    bench.arrivals.sighted(FRAME, Look(11, 6))
    bench.arrivals.ended(FRAME)
    assert bench.folders.asked == [("look_at", FRAME)]


def test_an_outcome_that_the_ledger_missed_is_made_up_for():
    bench = Bench()
    bench.settled()
    bench.ledger.started(FRAME, OUTPUT, "")
    bench.arrivals.sighted(FRAME, LOOK)
    assert bench.ledger.get(FRAME).state == "settled"


@pytest.mark.parametrize(
    ("age_s", "careful", "live"), [(0.0, False, True), (2 * LIVE_S, False, False), (0.0, True, False)]
)
def test_fresh_frames_are_live_and_those_of_a_card_or_of_before_are_not(age_s, *, careful, live):
    bench = Bench()
    bench.arrivals.sighted(FRAME, Look(10, time.time_ns() - round(age_s * 1e9)), careful=careful)
    assert bench.ledger.get(FRAME).live is live


def test_unfinished_outputs_are_cleared_away_once_a_folder():
    bench = Bench()
    for name in "ab":
        bench.arrivals.sighted(NIGHT / name, LOOK, careful=True)
    assert [ask for ask in bench.folders.asked if ask[0] == "clear_away"] == [("clear_away", NIGHT, NIGHT)]


def test_new_settings_do_not_forget_what_settles_unless_watching_began_anew():
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.arrivals.apply(Settings(background=Background(box_size=50)), anew=False)
    assert len(bench.arrivals) == 1
    bench.arrivals.apply(Settings(), anew=True)
    assert len(bench.arrivals) == 0


def test_what_settles_in_a_folder_that_is_watched_no_more_is_forgotten():
    bench = Bench()
    bench.arrivals.sighted(FRAME, LOOK)
    bench.folders.paths = ()
    bench.arrivals.apply(Settings(), anew=False)
    assert len(bench.arrivals) == 0


# -- what is there at the start ------------------------------------------------------------------------------


def test_the_first_scan_says_what_waits_and_how_big_the_outputs_get():
    bench = Bench()
    bench.arrivals.sighted(FRAME, Look(2**30, 5), careful=True)
    bench.arrivals.sighted(NIGHT / "b.ARW", Look(2**29, 5), careful=True)
    bench.told.clear()
    bench.arrivals.scanned(NIGHT, time.monotonic())
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.told == [("watch.scanned", {"folder": str(NIGHT), "waiting": 2, "outputs_gib_at_most": 6.0})]


def test_small_outputs_are_not_said_to_need_no_room():
    bench = Bench()
    bench.arrivals.sighted(FRAME, Look(3_000_000, 5), careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.told[-1][1]["outputs_gib_at_most"] == 0.01


def test_what_an_earlier_run_left_in_the_queue_waits_too():
    bench = Bench()
    bench.settled()
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert [facts["waiting"] for _, facts in bench.told] == [1]


def test_of_an_empty_folder_there_is_nothing_to_tell():
    bench = Bench()
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.told == []


def test_frames_that_were_there_before_can_be_left_alone():
    bench = Bench(backlog=Backlog(new_only=True))
    bench.arrivals.sighted(FRAME, LOOK, careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert [(event, facts["left_alone"]) for event, facts in bench.told] == [("watch.scanned", 1)]
    bench.told.clear()
    bench.arrivals.sighted(FRAME, LOOK)  # a later scan
    assert bench.told == []
    bench.arrivals.sighted(NIGHT / "old_card.ARW", LOOK)  # copied later, with the time that it had
    bench.arrivals.sighted(FRAME, Look(11, 6))
    assert bench.events() == ["frame.seen"] * 2, "what comes or changes later is new"


def test_a_frame_that_comes_during_the_first_scan_is_new():
    bench = Bench(backlog=Backlog(new_only=True))
    bench.arrivals.sighted(FRAME, Look(10, time.time_ns()), careful=True)
    assert bench.events() == ["frame.seen"]


def test_older_frames_can_be_left_alone():
    bench = Bench(backlog=Backlog(since_ns=100))
    bench.arrivals.sighted(FRAME, Look(10, 99), careful=True)
    bench.arrivals.sighted(NIGHT / "b.ARW", Look(10, 100), careful=True)
    bench.arrivals.scanned(NIGHT, time.monotonic())
    assert bench.events() == ["frame.seen", "watch.scanned"]
    assert bench.told[-1][1] == {
        "folder": str(NIGHT),
        "waiting": 1,
        "outputs_gib_at_most": 0.0,
        "left_alone": 1,
    }


def test_an_output_that_is_gone_is_not_made_again_for_a_frame_to_leave_alone():
    bench = Bench(backlog=Backlog(since_ns=100))
    bench.written()
    bench.arrivals.output_found(FRAME, LOOK, None)
    assert bench.events() == []
