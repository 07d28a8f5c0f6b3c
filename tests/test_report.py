from pathlib import Path

import pytest

from arwatch.daemon.report import Report
from arwatch.work.disk import MIB, Free
from arwatch.work.happenings import RoomLow

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
