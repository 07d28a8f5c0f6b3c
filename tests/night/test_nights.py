"""Which night a frame belongs to, and what its nights add up to."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from arwatch.model.figures import Figures
from arwatch.night.causes import Cause
from arwatch.night.nights import in_order, night_of, nights
from arwatch.night.seen import Seen
from arwatch.night.totals import totals
from night.nights_support import GOOD, seen

BERLIN = ZoneInfo("Europe/Berlin")


def taken(text, number=1):
    return Seen.of(number, Path("a.ARW"), 0.0, Figures(taken=text))


@pytest.mark.parametrize(
    ("text", "evening"),
    [
        ("2026-11-21T22:00:00+00:00", date(2026, 11, 21)),
        ("2026-11-22T10:59:59+00:00", date(2026, 11, 21)),  # 11:59:59 in Berlin
        ("2026-11-22T11:00:00+00:00", date(2026, 11, 22)),
        ("2026-10-25T00:30:00+00:00", date(2026, 10, 24)),  # the clocks go back in this night
        ("2026-10-25T10:59:00+00:00", date(2026, 10, 24)),
        ("2026-03-29T09:59:00+00:00", date(2026, 3, 28)),  # and forward in this one
        ("2026-03-29T10:00:00+00:00", date(2026, 3, 29)),
        ("2026-11-22T11:59:59", date(2026, 11, 21)),  # the camera's clock is a local one
        ("2026-11-22T12:00:00", date(2026, 11, 22)),
    ],
)
def test_nights_go_from_noon_to_noon_of_the_local_clock(text, evening):
    assert night_of(taken(text), BERLIN) == evening


def test_a_frame_without_a_time_is_of_when_it_was_recorded():
    recorded = datetime(2026, 11, 22, 3, tzinfo=UTC).timestamp()
    for text in (None, "yesterday", ""):
        frame = Seen.of(1, Path("a.ARW"), recorded, Figures(taken=text))
        assert (frame.when, frame.on_camera_clock) == (recorded, False)


def test_frames_are_sorted_into_nights_and_by_time():
    frames = [taken(f"2026-11-{day}T20:00:00+00:00", day) for day in (23, 21, 22)] + [
        taken("2026-11-21T19:00:00+00:00")
    ]
    assert [[f.number for f in night] for night in nights(frames, UTC).values()] == [[1, 21], [22], [23]]
    assert [f.number for f in in_order([taken("2026-11-21T20:00:00", 2), taken("2026-11-21T20:00:00", 1)])] == [1, 2]


def test_totals_are_those_of_frames_with_outputs():
    frames = [
        seen(1),
        seen(2, replace(GOOD, effective_s=60.0)),
        seen(3, replace(GOOD, effective_s=None), state="skipped"),
        seen(4, state="failed"),
        seen(5, Figures()),
    ]
    sums = totals(frames, [Cause.GOOD, Cause.DEW, Cause.CLOUDS, Cause.NO_VERDICT, Cause.NO_VERDICT])
    assert (sums.frames, sums.processed, sums.failed) == (5, 4, 1)
    assert (sums.exposure_s, sums.effective_s, sums.measured_s) == (360.0, 170.0, 240.0)
    assert {cause for cause, count in sums.causes.items() if count} == {
        Cause.GOOD, Cause.DEW, Cause.CLOUDS, Cause.NO_VERDICT,
    }  # fmt: skip
    assert set(sums.causes) == set(Cause)


def test_what_is_known_of_no_frame_is_unknown():
    assert totals([seen(1, Figures())], [Cause.NO_VERDICT]).effective_s is None
    assert totals([], []).effective_s is None
