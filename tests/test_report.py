from pathlib import Path

import pytest

from arwatch.daemon.report import Report
from arwatch.ledger.records import Entry
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


def test_a_mesh_in_the_place_of_a_smooth_sky_is_told():
    told = []
    figures = Figures(sky_model="mesh", sky_used=0.0, sky_doubt="too few boxes of sky can be measured")
    report = Report(lambda event, **found: told.append((event, found)))
    source = Source(DISK / "a.ARW", size=1, mtime_ns=1)
    job = Job(source=source, output=DISK / "a.fits", root=DISK, settings=Settings())
    outcome = Written(output=DISK / "a.fits", size=1, figures=figures)
    entry = Entry(
        path=source.path, state="working", size=1, mtime_ns=1, recipe=None, live=True, attempts=1,
        seen=0.0, settled=0.0, started=0.0, output=None,
    )  # fmt: skip
    report.happened(Ended(job=job, outcome=outcome, entry=entry), settle_s=0.0, waiting=0)
    ((event, found),) = told
    assert event == "frame.written"
    assert found["reason"] == "the mesh took the place of the smooth sky: too few boxes of sky can be measured"
    assert found["sky_model"] == "mesh"
