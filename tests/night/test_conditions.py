"""Which cause is told of which figures, since when, and that what was said stays said."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arwatch.model.figures import KINDS, Figures
from arwatch.night.causes import Cause
from arwatch.night.conditions import judge
from arwatch.night.signs import concentration_of
from night.nights_support import GOOD, maps, night, seen

AT = 30


def after(change):
    """Give a change that begins at frame `AT`, by the count of frames since."""
    return lambda i: change(i - AT) if i >= AT else {}


def between(change, last):
    return lambda i: change if AT <= i <= last else {}


def ramp(k, frames, depth):
    return depth * min(1.0, (k + 1) / frames)


def blurred(width):
    return {"green_fwhm_px": width, "concentration": 0.5 * concentration_of(width) / concentration_of(3.0)}


CASES = {
    "a cloud's edge": (Cause.CLOUDS, after(lambda _: {"transparency": 0.5}), "fell to 50%"),
    "a thin veil": (Cause.CLOUDS, after(lambda k: {"transparency": 0.85 + 0.01 * (k % 2)}), "cores kept 100%"),
    "a slow cloud": (Cause.CLOUDS, after(lambda k: {"transparency": 1 - ramp(k, 15, 0.6)}), "fell to 40%"),
    "dew": (
        Cause.DEW,
        after(lambda k: {"transparency": 1 - ramp(k, 20, 0.5), "concentration": 0.5 * (1 - ramp(k, 20, 0.4))}),
        "without a jump",
    ),
    "a bump": (Cause.DEFOCUS, after(lambda _: blurred(6.0)), "grew from 3.0 to 5.9 px"),
    "a focus that walks": (Cause.DEFOCUS, after(lambda k: blurred(math.hypot(3.0, 0.4 * k))), "stayed wide"),
    "a drift": (
        Cause.DRIFT,
        after(lambda k: {"dx_px": 3.0 * k, "axis_ratio": 0.85, "angle_deg": 0.0}),
        "1.4 px a minute",
    ),
    "a gust": (Cause.WIND, between({"axis_ratio": 0.6, "coherence": 0.9}, AT), "in one frame"),
    "gusts": (Cause.WIND, lambda i: {"axis_ratio": 0.6, "coherence": 0.9} if i in {30, 32, 33} else {}, "in 3 frames"),
    "moonrise": (
        Cause.MOON,
        lambda i: {"moon_deg": i - AT + 0.5, "green_pixel_noise": 14 * (1 + max(0, i - AT + 1) / 20) ** 0.5},
        "The Moon stands",
    ),
    "dawn": (
        Cause.TWILIGHT,
        lambda i: {"sun_deg": (i - AT) / 2 - 16, "green_pixel_noise": 14 * (1 + max(0, i - AT + 1) / 5) ** 0.5},
        "The Sun is only",
    ),
    "a cap": (
        Cause.CAP_ON,
        between(
            {"green_stars": 0, "matched": 0, "transparency": None, "green_fwhm_px": None, "green_pixel_noise": 3.0}, 40
        ),
        "dark",
    ),
    "few stars": (Cause.NO_VERDICT, after(lambda _: {"green_stars": 12, "matched": 5}), "below 20"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cause_is_told_with_its_onset_and_evidence(name):
    cause, change, evidence = CASES[name]
    (condition,) = judge(night(60, change)).conditions
    assert condition.cause is cause
    assert abs(condition.first - AT) <= 3
    assert evidence in condition.evidence
    assert condition.evidence.endswith(".")


def test_cells_that_die_from_an_edge_are_an_obstruction():
    def cells(i):
        gone = (i - AT) / 3
        return maps(transparency=lambda _, c: 0.0 if c < gone else 1.0)

    (condition,) = judge(night(46, after(lambda k: {"matched": 110 - 4 * k}), cells)).conditions
    assert condition.cause is Cause.OBSTRUCTION
    assert abs(condition.first - AT) <= 3
    assert "from its left edge on" in condition.evidence


def test_parts_of_the_frame_in_which_no_star_should_be_seen_tell_nothing():
    def cells(i):  # as the stars of the field leave the frame on one side, or all but the bright ones drown in the sky
        return maps(transparency=lambda _, c: math.nan if i >= AT and c < (i - AT) / 3 else 1.0)

    assert judge(night(46, lambda _: {}, cells)).conditions == ()


def test_an_obstruction_stays_one_when_most_stars_are_hidden():
    def change(i):
        return {"matched": max(25, 110 - 5 * (i - AT)), "transparency": 0.0 if i > AT + 12 else 1.0} if i >= AT else {}

    def cells(i):
        return maps(transparency=lambda r, _: 0.0 if r >= 6 - (i - AT) / 4 else 1.0)

    (condition,) = judge(night(50, change, cells)).conditions
    assert condition.cause is Cause.OBSTRUCTION
    assert "from its lower edge on" in condition.evidence


def test_a_cloud_that_is_noticed_late_began_where_the_light_began_to_fall():
    frames = night(60, after(lambda k: {"transparency": 1 - ramp(k, 10, 0.3)}))
    assert judge(frames[: AT + 2]).conditions == ()
    assert judge(frames[: AT + 6]).conditions[0].first == AT


def test_cells_that_fade_here_and_there_are_clouds():
    def cells(i):
        return maps(transparency=lambda r, c: 0.4 if i >= AT and (r + i) % 6 in {2, 3} and 2 <= c <= 5 else 1.0)

    (condition,) = judge(night(60, cells=cells)).conditions
    assert (condition.cause, condition.first) == (Cause.CLOUDS, AT)


def test_a_light_in_some_cells_is_stray_light():
    def cells(i):
        return maps(sky=lambda _, c: 9.0 if i in {30, 31} and c > 5 else 5.0)

    (condition,) = judge(night(60, cells=cells)).conditions
    assert (condition.cause, condition.first, condition.last, condition.frames) == (Cause.STRAY_LIGHT, 30, 31, 2)
    assert "12 of 48" in condition.evidence


@pytest.mark.parametrize(
    "change",
    [
        lambda i: {"transparency": 1 - 0.001 * i, "green_fwhm_px": 3 + 0.004 * i},
        lambda i: {"green_fwhm_px": 3 * (1 + 0.12 * math.sin(i / 7))},
        lambda i: {"dx_px": 9.0 * math.sin(i * i), "dy_px": 9.0 * math.cos(i * i)},
        lambda i: {"rotation_deg": 180.0, "dx_px": 40.0} if i > 70 else {},
        lambda i: (
            {"field": "f2", "transparency": 1.0, "green_level": 1500.0, "green_pixel_noise": 20.0} if i > 60 else {}
        ),
        lambda i: {"streaks": i % 5},
        lambda _: {"axis_ratio": 0.8, "angle_deg": 45.0, "coherence": 0.3},
    ],
    ids=["a sinking field", "seeing", "dithers", "a flip", "another field", "satellites", "bad optics"],
)
def test_what_every_night_has_is_no_cause(change):
    result = judge(night(120, change, lambda _: maps()))
    assert result.conditions == ()
    assert set(result.causes) == {Cause.GOOD}


def test_patches_of_cloud_are_one_condition_until_three_frames_are_good():
    cloudy = {30, 31, 33, 35, 36, 38}
    frames = night(60, lambda i: {"transparency": 0.4} if i in cloudy else {})
    (condition,) = judge(frames).conditions
    assert (condition.first, condition.last, condition.frames) == (30, 38, 6)
    assert condition.end == frames[38].when + 120
    assert judge(frames[:41]).conditions[0].end is None
    assert judge(frames[:41]).now == judge(frames[:41]).conditions
    assert judge(frames[:42]).conditions == (condition,)
    causes = judge(frames).causes
    assert {i for i, cause in enumerate(causes) if cause is Cause.CLOUDS} == cloudy


def test_a_frame_has_its_most_serious_cause():
    frames = night(60, between({"transparency": 0.4, "axis_ratio": 0.5, "coherence": 0.9}, 40))
    assert {c.cause for c in judge(frames).conditions} == {Cause.CLOUDS, Cause.WIND}
    assert judge(frames).causes[35] is Cause.CLOUDS


def test_a_night_of_frames_that_were_not_measured_has_no_verdict_and_no_condition():
    result = judge([seen(i, Figures(exposure_s=60.0, green_level=900.0)) for i in range(20)])
    assert result.conditions == ()
    assert set(result.causes) == {Cause.NO_VERDICT}


@pytest.mark.parametrize("count", range(4))
def test_nights_of_a_few_frames_are_judged(count):
    assert judge(night(count)).causes == (Cause.GOOD,) * count


def test_failed_frames_say_nothing():
    frames = night(60, between({"transparency": 0.1}, 40))
    frames = [replace(f, state="failed", code="damaged") if 30 <= f.number <= 40 else f for f in frames]
    assert judge(frames).conditions == ()


# -- for any figures -----------------------------------------------------------------------------------------

ODD = [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300]
texts = st.none() | st.sampled_from(["f1", "f2"])
counts, numbers = st.integers(-5, 900), st.floats(-50, 1500) | st.sampled_from(ODD)
fields = {
    name: texts if str in kinds else st.none() | (counts if kinds == {int} else numbers)
    for name, kinds in KINDS.items()
    if name != "taken"
}
any_figures = st.builds(Figures, **fields)
any_cells = st.none() | st.builds(maps, st.floats(), st.floats())
any_night = st.lists(st.tuples(any_figures, any_cells, st.floats(0, 4000)), max_size=25)


@settings(max_examples=40, deadline=None)
@given(any_night)
def test_any_figures_are_judged_and_again_alike(given_frames):
    frames = [replace(seen(i, figures, cells), when=i * when) for i, (figures, cells, when) in enumerate(given_frames)]
    frames.sort(key=lambda frame: frame.when)
    result = judge(frames)
    assert result == judge(frames)
    assert len(result.causes) == len(frames)
    for condition in result.conditions:
        assert condition.frames >= 1
        assert condition.evidence


EVENTS = {
    "clouds": lambda _: {"transparency": 0.5},
    "veil": lambda _: {"transparency": 0.8},
    "dew": lambda k: {"transparency": 1 - ramp(k, 10, 0.5), "concentration": 0.5 - ramp(k, 10, 0.2)},
    "defocus": lambda _: blurred(5.0),
    "trail": lambda k: {"dx_px": 4.0 * k, "axis_ratio": 0.8, "angle_deg": 0.0, "coherence": 0.9},
    "gust": lambda k: {"axis_ratio": 0.6, "coherence": 0.9, "angle_deg": 30.0 * k},
    "cap": lambda _: {"green_stars": 0, "matched": 0, "transparency": None, "green_pixel_noise": 2.0},
    "few": lambda _: {"green_stars": 9, "matched": 3},
    "nothing": lambda _: dict.fromkeys(
        ("transparency", "green_fwhm_px", "axis_ratio", "green_stars", "matched", "dx_px")
    ),
    "good": lambda _: {},
}
stretches = st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(1, 15)), min_size=1, max_size=6)
WINDOW = 12
"""Frames after the end of a condition in which what is said of it may still change: its hysteresis, and what is looked
at before and after an onset."""


@settings(max_examples=12, deadline=None)
@given(stretches, st.randoms(use_true_random=False))
def test_a_further_frame_changes_nothing_that_was_said_of_conditions_that_ended(events, random):
    changes = [{}] * 12 + [EVENTS[name](k) for name, length in events for k in range(length)] + [{}] * 4
    frames = []
    for i, change in enumerate(changes):
        figures = replace(GOOD, **change)
        scatter = {"transparency": 0.02, "green_fwhm_px": 0.1, "concentration": 0.01, "dx_px": 0.05}
        noisy = {n: v + random.gauss(0, s) for n, s in scatter.items() if (v := getattr(figures, n)) is not None}
        frames.append(seen(i, replace(figures, **noisy)))
    said = {}
    for count in range(1, len(frames) + 1):
        now = judge(frames[:count]).conditions
        assert [c for c in said if c not in now] == []
        said = [c for c in now if c.end is not None and c.last < count - WINDOW]


def test_it_is_quick_to_load():
    program = "import sys, arwatch.night.conditions, arwatch.night.choose; print('numpy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
