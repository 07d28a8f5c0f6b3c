"""Whole nights that are not there: the same seed gives the same night, and its truth is what is in its frames."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

from arwatch import cli, formats, stars
from arwatch.model.times import start_of
from arwatch.process.sun_moon import sun_and_moon
from arwatch.settings import Camera, Site
from arwatch.simulate.nights import KINDS, LATITUDE_DEG, LONGITUDE_DEG, TRUTH, night, state, take_night
from arwatch.simulate.nights.almanac import sun_moon
from arwatch.simulate.nights.exposing import expose
from arwatch.simulate.nights.images import star_images, width_of
from arwatch.simulate.nights.state import noticeable

SMALL = {"height": 96, "width": 144}
COLORS = np.array([[0, 1], [1, 2]], np.uint8)


def test_the_same_seed_gives_the_same_night_and_another_one_another():
    first, again, other = night(3, **SMALL), night(3, **SMALL), night(4, **SMALL)
    assert first == again != other
    frame, same, later = (expose(first, state(first, i))[0] for i in (7, 7, 8))
    assert (frame == same).all()
    assert (frame != later).any()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_event_changes_its_frames_and_no_others(kind):
    eventful = night(5, frames=60, kinds=[kind])
    (event,) = eventful.events
    quiet = replace(eventful, events=())
    assert 8 < event.onset < event.end <= 60
    assert event.onset <= noticeable(eventful, event) < event.end
    assert all(state(eventful, i) == state(quiet, i) for i in range(event.onset))
    if kind not in {"moon", "twilight"}:  # those are in the sky, whatever is told of them
        assert all(state(eventful, i) != state(quiet, i) for i in (event.onset, event.end - 1) if kind != "wind")
        assert state(eventful, event.onset) != state(quiet, event.onset)


@pytest.mark.parametrize(("kind", "body"), [("moon", "moon_deg"), ("twilight", "sun_deg")])
def test_moon_and_sun_come_up_when_they_should(kind, body):
    risen = night(6, frames=80, kinds=[kind])
    (event,) = risen.events
    horizon = 0.0 if kind == "moon" else -18.0
    altitudes = [getattr(state(risen, i), body) for i in range(80)]
    assert altitudes[event.onset] == pytest.approx(horizon, abs=1.1)
    assert altitudes == sorted(altitudes)
    sky = [state(risen, i).sky[1] for i in range(80)]
    assert sky[-1] > 1.15 * sky[event.onset]


def test_the_almanac_agrees_with_astropy_s():
    moments = [datetime(2025, month, 3 * month % 28 + 1, 2 * month % 24, tzinfo=UTC) for month in range(1, 13)]
    found = sun_moon(np.array([moment.timestamp() for moment in moments]))
    place = Site(latitude_deg=LATITUDE_DEG, longitude_deg=LONGITUDE_DEG)
    wanted = np.array([sun_and_moon(moment, place) for moment in moments])
    np.testing.assert_allclose(found.sun_deg, wanted[:, 0], atol=0.05)
    np.testing.assert_allclose(found.moon_deg, wanted[:, 1], atol=0.5)
    np.testing.assert_allclose(found.moon_part, wanted[:, 2], atol=0.01)


@pytest.mark.parametrize("changed", [{}, {"halo": 0.4}, {"ring_px": 8.0}, {"trail_px": 5.0, "trail_deg": 30.0}])
def test_a_star_s_light_is_all_in_its_image(changed):
    now = replace(state(night(7), 0), **changed)
    images = star_images(now, 3.0)
    np.testing.assert_allclose(images.sum((1, 2)), 64, rtol=1e-3)  # a pixel has 8 x 8 steps of the grid
    if not changed:
        assert width_of(images[1]) == pytest.approx(np.hypot(now.fwhm[1], 0.68), rel=0.03)
        return
    y, x = np.indices(images[1].shape) - 160.0
    around = replace(now, halo=0.0, ring_px=0.0, trail_px=0.0)
    first, then = (
        [(image * part).sum() / 64 for part in ((x * x + y * y) / 64, x * y / 64)]
        for image in (star_images(around, 3.0)[1], images[1])
    )
    if now.trail_px:  # a trail of L adds L^2/12 to the variance along it
        assert then[0] - first[0] == pytest.approx(25 / 12, rel=0.02)
        assert then[1] == pytest.approx(25 / 12 * np.sin(np.radians(60)) / 2, rel=0.02)
    elif now.ring_px:  # and a ring (R^2 + r^2)/4 along each axis
        assert then[0] - first[0] == pytest.approx((4.0**2 + 1.6**2) / 2, rel=0.05)
    else:
        assert then[0] > 1.5 * first[0]


def test_measuring_finds_what_the_truth_tells(tmp_path):
    taken = night(8, frames=20, height=400, width=600, kinds=["clouds"])
    taken = replace(taken, flip=3, stars=300, fwhm_px=2.6, dither_every=1)
    paths = list(take_night(tmp_path, taken, truth=True))
    truth = json.loads((tmp_path / TRUTH).read_text())
    (event,) = truth["events"]
    names = [frame["frame"] for frame in truth["frames"]]
    assert [path.name for path in paths] == names
    assert truth["frames"][names.index(event["onset"])]["causes"] == ["clouds"]
    field, first = b"", None
    for path, row in list(zip(paths, truth["frames"], strict=True))[:13]:
        frame = formats.read(path)
        assert start_of(frame.exposure, Camera()) == datetime.fromisoformat(row["taken"])
        found = stars.measure(frame.mosaic, COLORS, black_level=512, white_level=16383,
                              exposure_s=taken.exposure_s, field=field)  # fmt: skip
        figures, field = found.figures, found.field
        first = first or row["transparency"]
        assert figures.green_fwhm_px == pytest.approx(row["fwhm_px"]["green"], rel=0.06)
        assert (figures.dx_px, figures.dy_px) == pytest.approx((row["dx_px"], row["dy_px"]), abs=0.3)
        turned = (figures.rotation_deg - row["rotation_deg"] + 180) % 360 - 180
        assert turned == pytest.approx(0, abs=0.1)
        assert figures.transparency == pytest.approx(row["transparency"] / first, rel=0.06)


def test_the_command_takes_a_night_and_tells_the_truth(tmp_path):
    folder = tmp_path / "night"
    args = ["simulate", str(folder), "--night", "--frames", "12", "--size", "96x144", "--events", "", "--truth"]
    done = CliRunner().invoke(cli.main, args)
    assert done.exit_code == 0, done.output
    assert len(list(folder.glob("DSC*.ARW"))) == 12
    assert json.loads((folder / TRUTH).read_text())["events"] == []
    again = CliRunner().invoke(cli.main, args)
    assert again.exit_code != 0


@pytest.mark.parametrize(
    ("kinds", "frames", "says"),
    [
        (["rain"], 60, "no kind of event: rain; there are clouds"),
        (["moon", "twilight"], 60, "only one of"),
        (["clouds", "dew", "drift"], 30, "take 38"),
        ([], 3000, "do not fit into a night"),
    ],
)
def test_nights_that_cannot_be_are_refused(kinds, frames, says):
    with pytest.raises(ValueError, match=says):
        night(1, frames=frames, kinds=kinds)
