"""The field's motion with dithers left out, and where a figure left what it was."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.night.drift import drifts
from arwatch.night.series import Usual, onset
from arwatch.night.signs import signs
from night.nights_support import night


def last_drift(place, count=30):
    frames = night(count, lambda i: dict(zip(("dx_px", "dy_px"), place(i), strict=True)))
    return drifts([signs(frame) for frame in frames])[-1]


def test_a_drift_is_the_same_with_and_without_dithers():
    rng = random.Random(1)
    dithers = [(rng.uniform(-20, 20), rng.uniform(-20, 20)) for _ in range(10)]
    still = last_drift(lambda i: (0.5 * i, -0.25 * i))
    dithered = last_drift(lambda i: (0.5 * i + dithers[i // 4][0], -0.25 * i + dithers[i // 4][1]))
    for drift in (still, dithered):
        assert (drift.x_px_min, drift.y_px_min) == pytest.approx((0.24, -0.12))
        assert drift.trail_px == pytest.approx(0.5590 * 120 / 125, rel=1e-3)
        assert drift.is_known
        assert drift.angle_deg == pytest.approx(153.43, abs=0.1)


def test_dithers_at_each_frame_hide_the_drift():
    rng = random.Random(2)
    assert not last_drift(lambda i: (0.5 * i + rng.uniform(-20, 20), rng.uniform(-20, 20))).is_known


def test_few_frames_and_other_fields_have_no_drift():
    assert last_drift(lambda i: (i, 0.0), count=4) is None
    frames = night(12, lambda i: {"dx_px": 3.0 * i, "field": f"f{i // 4}"})
    assert set(drifts([signs(frame) for frame in frames])) == {None}


@pytest.mark.parametrize("begin", [5, 20, 40])
@pytest.mark.parametrize("frames", [1, 4, 15])
def test_a_ramp_is_followed_back_to_its_beginning(begin, frames):
    rng = random.Random(begin * frames)
    values = [1 - 0.4 * min(1, max(0, i - begin + 1) / frames) + rng.gauss(0, 0.01) for i in range(60)]
    noticed = next(i for i, value in enumerate(values) if value < 0.88)
    assert abs(onset(values, noticed) - begin) <= 2


def test_a_focus_that_walks_is_followed_back_by_a_parabola():
    rng = random.Random(3)
    values = [(9 + (0.5 * max(0, i - 29)) ** 2) * (1 + rng.gauss(0, 0.02)) for i in range(60)]
    assert abs(onset(values, 36, bend=1.0, relative=True, ahead=5) - 30) <= 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.data())
def test_an_onset_is_never_later_than_what_was_noticed(values, data):
    noticed = data.draw(st.integers(0, len(values) - 1))
    found = onset(values, noticed)
    assert 0 <= found <= noticed
    assert onset(values[: noticed + 2], noticed) == found, "later values change nothing"


def test_what_is_usual_follows_and_forgets():
    usual = Usual(100.0, least=3, most=10)
    assert usual.value() is None
    for when in range(0, 100, 10):
        usual.add(when, 1.0)
    assert (usual.value(), usual.scatter(), usual.jitter(), len(usual)) == (1.0, 0.0, 0.0, 10)
    for when in range(1000, 1030, 10):
        usual.add(when, 2.0)
    assert (usual.value(), len(usual)) == (2.0, 3)
