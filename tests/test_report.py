import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from arwatch.daemon.report import Report
from arwatch.daemon.tonight import OnceANight
from arwatch.ledger.records import Entry
from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Written
from arwatch.settings import Settings
from arwatch.work.disk import MIB, Free
from arwatch.work.happenings import Ended, RoomLow

DISK = Path("/night")
WAIT = "frames are received but wait; make room and work goes on by itself"


@pytest.mark.parametrize(
    ("low", "facts", "begins"),
    [
        (RoomLow(DISK, Free(63 * MIB, 9), Free(100 * MIB, 1)), {"free_mib": 63, "wanted_mib": 100}, "frames"),
        (
            RoomLow(DISK, Free(63 * MIB, 0), Free(0, 1)),
            {"free_files": 0, "wanted_files": 1},
            "the file system can hold",
        ),
        (RoomLow(DISK, Free(63 * MIB, 9), Free(0, 1), "no quota left"), {}, "no quota left; "),
    ],
)
def test_why_a_disk_is_low(low, facts, begins):
    told = []
    Report(lambda event, **found: told.append((event, found))).happened(low, settle_s=0.0, waiting=1)
    ((event, found),) = told
    reason = found.pop("reason")
    assert (event, found) == ("disk.low", {"folder": "/night"} | facts)
    assert reason.startswith(begins)
    assert reason.endswith(WAIT)


def ended(**figures):
    """Give the end of a frame of these figures, by settings that ask for the default model."""
    source = Source(DISK / "a.ARW", size=1, mtime_ns=1)
    job = Job(source=source, output=DISK / "a.fits", root=DISK, settings=Settings())
    outcome = Written(output=DISK / "a.fits", size=1, figures=Figures(**figures))
    entry = Entry(
        path=source.path, state="working", size=1, mtime_ns=1, recipe=None, live=True, attempts=1,
        seen=0.0, settled=0.0, started=0.0, output=None,
    )  # fmt: skip
    return Ended(job=job, outcome=outcome, entry=entry)


def test_a_mesh_in_the_place_of_a_smooth_sky_is_told():
    told = []
    report = Report(lambda event, **found: told.append((event, found)))
    end = ended(sky_model="mesh", sky_used=0.0, sky_doubt="too few boxes of sky can be measured")
    report.happened(end, settle_s=0.0, waiting=0)
    ((event, found),) = told
    assert event == "frame.written"
    assert found["reason"] == "the mesh took the place of the smooth sky: too few boxes of sky can be measured"
    assert found["sky_model"] == "mesh"


def test_previews_that_fail_are_told_once_a_night():
    told = []
    report = Report(lambda event, **found: told.append((event, found)))
    end = ended()
    end = replace(end, outcome=replace(end.outcome, no_preview="the preview was not kept: no room"))
    for _ in range(2):
        report.happened(end, settle_s=0.0, waiting=0)
    assert [event for event, _ in told] == ["frame.written", "preview.failed", "frame.written"]
    assert told[1][1]["reason"] == "the preview was not kept: no room; frames get their outputs all the same"


DARK = {"sky_rim": -4.56, "sky_rim_noise": 0.52}
FLAT = {"sky_rim": -0.3, "sky_rim_noise": 0.52}


def test_dark_edges_are_told_once_a_night():
    told, now = [], [time.mktime((2026, 11, 21, 20, 0, 0, 0, 0, -1))]
    report = Report(lambda event, **found: told.append((event, found)))
    report.dark_rim = OnceANight(lambda _since: False, lambda: now[0])
    happen = partial(report.happened, settle_s=0.0, waiting=0)
    happen(ended(**FLAT))
    happen(ended(**DARK | {"sky_model": "mesh"}))  # there the smooth model was asked for, and failed
    assert [event for event, _ in told] == ["frame.written"] * 2
    for hours, times in ((0, 1), (3, 1), (15, 1), (16, 2), (23, 2)):
        now[0] = time.mktime((2026, 11, 21, 20, 0, 0, 0, 0, -1)) + 3600 * hours
        happen(ended(**DARK))
        warnings = [found for event, found in told if event == "sky.rim"]
        assert len(warnings) == times, f"{hours} hours later; at noon a new night begins"
    assert warnings[0]["frame"] == "a.ARW"
    assert warnings[0]["reason"].startswith("the edges are 4.6 % darker than the middle after the subtraction")
    assert 'model = "smooth" in [background]' in warnings[0]["reason"]


@pytest.mark.parametrize(("figures", "again"), [(DARK, False), (FLAT, True), ({}, True)])
def test_a_restart_in_the_same_night_does_not_tell_them_again(tmp_path, figures, again):
    ledger = Ledger(tmp_path, [DISK])
    ledger.saw(DISK / "a.ARW", live=True)
    ledger.written(DISK / "a.ARW", 99, Figures(**figures))
    report = Report(lambda *_, **__: None)
    report.remember(ledger)
    assert report.dark_rim.is_first() == again
    ledger.close()
