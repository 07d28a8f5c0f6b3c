"""Star fields: frames are found in them, however they moved, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arwatch.stars import DamagedError, Field, StarList, place
from star_support import SHAPE, Stars, frame_of, measured, some

LARGE = (4000, 6000)


def sky(count: int, seed: int, shape=LARGE) -> Stars:
    """Stars of a field that is larger than the frame."""
    rng = np.random.default_rng(seed)
    y, x = (rng.uniform(-500, size + 500, count) for size in shape)
    return Stars(x, y, 500 * rng.pareto(1, count) + 500)


def seen(stars, *, dx=0.0, dy=0.0, degrees=0.0, light=1.0, lost=None, seed=0, shape=LARGE) -> StarList:
    """Return the list of a frame that has moved and turned; places err by 0.05 pixels, fluxes by 2 %."""
    rng = np.random.default_rng(seed)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    mx, my = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    x = c * (stars.x - mx) - s * (stars.y - my) + mx + dx
    y = s * (stars.x - mx) + c * (stars.y - my) + my + dy
    there = (x > 5) & (x < shape[1] - 6) & (y > 5) & (y < shape[0] - 6)
    if lost is not None:
        there &= ~lost(x, y)
    flux = stars.flux * rng.normal(1, 0.02, x.size) * light
    best = np.flatnonzero(there)[np.argsort(-flux[there])][:300]
    x, y = (column[best] + rng.normal(0, 0.05, best.size) for column in (x, y))
    columns = {"x": x, "y": y, "flux": flux[best], "core": flux[best] / 2}
    return StarList(shape=shape, limit=100.0, **{name: column.astype(np.float32) for name, column in columns.items()})


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dx=st.floats(-400, 400),
    dy=st.floats(-400, 400),
    degrees=st.floats(-5, 5),
    flip=st.booleans(),
    cloud=st.floats(0, 0.65),
)
def test_moves_turns_and_flips_are_found_behind_a_cloud(*, seed, dx, dy, degrees, flip, cloud):
    stars, turn = sky(400, seed), degrees + 180 * flip
    field = Field.begin(seen(stars))
    hidden = seen(stars, dx=dx, dy=dy, degrees=turn, seed=1, lost=lambda x, _: abs(x / LARGE[1] - cloud - 0.15) < 0.15)
    found = place(hidden, field)
    assert found is not None
    assert (found.dx, found.dy) == pytest.approx((dx, dy), abs=0.15)
    assert (found.rotation - turn + 180) % 360 - 180 == pytest.approx(0, abs=0.005)
    assert found.matched > 30


@pytest.mark.parametrize("seed", range(40))
def test_another_field_is_not_taken_for_this_one(seed):
    count = [40, 400][seed % 2]
    assert place(seen(sky(count, seed)), Field.begin(seen(sky(count, seed + 1000)))) is None


@pytest.mark.parametrize("light", [1.2, 0.8, 0.5, 0.2])
def test_transparency_is_the_stars_light_against_the_reference(light):
    stars = sky(400, 7)
    found = place(seen(stars, dx=30, light=light, seed=3), Field.begin(seen(stars)))
    assert found.transparency == pytest.approx(light, rel=0.02)
    assert np.nanmedian(found.cells) == pytest.approx(light, rel=0.03)


def test_stars_that_are_missing_count_as_dark():
    """A count of what is left would call a frame clear of which two thirds lie behind a roof."""
    stars = sky(400, 8)
    found = place(seen(stars, dx=5, lost=lambda x, _: x > LARGE[1] / 3), Field.begin(seen(stars)))
    assert found.transparency < 0.1
    assert np.nanmedian(found.cells[:, :2]) == pytest.approx(1, rel=0.03)
    assert np.nanmax(found.cells[:, 4:]) == 0


def test_exposure_and_sensitivity_do_not_look_like_clouds():
    stars = sky(400, 9)
    longer = replace(seen(stars, light=4.0), light=4.0)
    assert place(longer, Field.begin(seen(stars))).transparency == pytest.approx(1, rel=0.02)


def test_the_reference_learns_from_good_frames_and_not_from_bad_ones():
    stars = sky(400, 10)
    field = first = Field.begin(seen(stars, light=0.9))
    for seed in range(30):
        good = seen(stars, seed=seed)
        field = field.after(good, place(good, field), fwhm_px=3.0, variance=10.0)
    assert place(seen(stars, seed=99), field).transparency == pytest.approx(1, abs=0.02)
    assert field.token == first.token
    bad = seen(stars, light=0.4)
    assert field.after(bad, place(bad, field), fwhm_px=9.0, variance=99.0) is field
    clear = seen(stars, light=2.0)
    again = field.after(clear, place(clear, field), fwhm_px=3.0, variance=10.0)
    assert place(clear, again).transparency == pytest.approx(1, abs=0.03)


def test_a_field_that_drifts_away_gets_new_stars():
    one, two = sky(400, 11), sky(400, 12)
    stars = Stars(np.append(one.x, two.x + 7000), np.append(one.y, two.y), np.append(one.flux, two.flux))
    field = Field.begin(seen(stars))
    for step in range(20):
        now = seen(stars, dx=-300.0 * step)
        found = place(now, field)
        field = field.after(now, found, fwhm_px=None, variance=None)
        assert found.dx == pytest.approx(-300.0 * step, abs=0.3)
    assert field.x.max() > LARGE[1]


def test_fields_come_back_as_they_were_packed():
    fields = [Field.begin(seen(sky(400, seed))) for seed in (12, 13)]
    back = Field.unpack_all(fields[0].pack() + fields[1].pack())
    assert [field.token for field in back] == [field.token for field in fields]
    for one, other in zip(back, fields, strict=True):
        assert one.pack() == other.pack()
    assert Field.unpack_all(b"") == []


@given(st.binary(min_size=1, max_size=200))
def test_damaged_bytes_are_told(packed):
    for read in (Field.unpack_all, StarList.unpack):
        try:
            read(packed)
        except DamagedError as error:
            assert str(error)  # noqa: PT017 -- some bytes are a field by chance
    with pytest.raises(DamagedError, match="no star fields"):
        Field.unpack_all(Field.begin(seen(sky(100, 1))).pack()[:-1])


def test_too_few_stars_make_no_field():
    assert Field.begin(seen(sky(8, 1))) is None
    assert place(StarList.none(LARGE), Field.begin(seen(sky(100, 1)))) is None
    assert place(seen(sky(100, 1), shape=SHAPE), Field.begin(seen(sky(100, 1)))) is None


def test_a_night_on_mosaics():
    """First frame, a dither, a cloud, another object, back again after a meridian flip."""
    stars, other = some(), some(140, 5)
    moved = Stars(stars.x + 7.25, stars.y - 4.5, 0.6 * stars.flux)
    flipped = Stars(SHAPE[1] - 1 - stars.x, SHAPE[0] - 1 - stars.y, stars.flux)
    nothing = Stars(*np.zeros((3, 0)))
    figures, field = [], b""
    for number, shown in enumerate((stars, moved, nothing, other, flipped)):
        found = measured(frame_of(shown, seed=number), field=field)
        field = found.field
        figures.append(found.figures)
    first, dithered, cloudy, elsewhere, back = figures
    assert first.field == dithered.field == back.field != elsewhere.field
    assert (first.dx_px, first.transparency) == pytest.approx((0, 1), abs=1e-3)
    assert (dithered.dx_px, dithered.dy_px) == pytest.approx((7.25, -4.5), abs=0.05)
    assert dithered.transparency == pytest.approx(0.6, rel=0.02)
    assert dithered.effective_s == pytest.approx(30 * 0.36, rel=0.06)
    assert dithered.concentration == pytest.approx(first.concentration, rel=0.03)
    assert (cloudy.field, cloudy.transparency, cloudy.green_stars) == (None, None, 0)
    assert back.rotation_deg % 360 == pytest.approx(180, abs=0.02)
    assert back.transparency == pytest.approx(1, abs=0.03)
