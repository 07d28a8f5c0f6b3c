"""What the daemon tells of the night: when something begins and when it ends, also across restarts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from arwatch.daemon import conditions
from arwatch.daemon.conditions import Conditions
from arwatch.model.figures import Figures
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Written
from arwatch.night.seen import Seen
from arwatch.settings import Settings

EVENING = datetime(2026, 11, 21, 20, tzinfo=UTC)
CLEAR, CLOUDED = [1.0] * 15, [0.5, 0.4, 0.45, 0.4, 0.5]


def figures(index, transparency):
    return Figures(
        taken=(EVENING + timedelta(seconds=60 * index)).isoformat(timespec="milliseconds"),
        exposure_s=50.0,
        iso=800,
        green_fwhm_px=2.5,
        green_stars=300,
        transparency=transparency,
        concentration=0.5,
        axis_ratio=0.97,
        angle_deg=20.0,
        coherence=0.2,
        field="one",
        matched=100,
        dx_px=0.0,
        dy_px=0.0,
        rotation_deg=0.0,
        green_pixel_noise=20.0,
    )


def add(judged, told, begin, lights):
    """Let frames of such transparencies come, the first one as number `begin` of the night."""
    for index, light in enumerate(lights, begin):
        path = Path(f"/night/DSC{index:05}.ARW")
        job = Job(source=Source(path, 1, 1), output=path, root=path.parent, settings=Settings())
        written = Written(output=path, size=1, figures=figures(index, light))
        judged.add(job, written, 0.0, lambda event, **facts: told.append((event, facts)))


def test_clouds_are_told_when_they_begin_and_when_they_have_gone(monkeypatch):
    monkeypatch.setattr(conditions, "BREAK", 0)  # each frame is judged
    told = []
    judged = Conditions()
    add(judged, told, 0, CLEAR)
    assert told == []
    add(judged, told, 15, CLOUDED)
    ((event, facts),) = told
    assert (event, facts["cause"], facts["state"]) == ("condition.changed", "clouds", "began")
    assert facts["since"] == "2026-11-21T20:15:00+00:00"
    assert facts["reason"]
    add(judged, told, 20, CLEAR)
    assert [facts["state"] for _, facts in told] == ["began", "ended"]


def test_what_goes_on_is_not_told_again_after_a_restart(monkeypatch):
    monkeypatch.setattr(conditions, "BREAK", 0)
    told = []
    before = [
        Seen.of(index, Path(f"/night/DSC{index:05}.ARW"), 0.0, figures(index, light))
        for index, light in enumerate([*CLEAR, *CLOUDED])
    ]
    judged = Conditions(before)
    add(judged, told, 20, [0.4])
    assert told == []
    add(judged, told, 21, CLEAR)
    assert [(facts["cause"], facts["state"]) for _, facts in told] == [("clouds", "ended")]


def test_frames_without_stars_are_told_of_as_nothing(monkeypatch):
    monkeypatch.setattr(conditions, "BREAK", 0)
    told = []
    judged = Conditions()
    for index in range(10):
        path = Path(f"/night/DSC{index:05}.ARW")
        job = Job(source=Source(path, 1, 1), output=path, root=path.parent, settings=Settings())
        judged.add(job, Written(output=path, size=1, figures=Figures()), float(index), lambda *_, **__: told.append(1))
    assert told == []
