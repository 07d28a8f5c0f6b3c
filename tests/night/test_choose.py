"""Choosing frames by what is written, and why each other one is not chosen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.model.figures import Figures
from arwatch.night.choose import choose, worth
from arwatch.night.expression import ExpressionError, figure, parse
from night.nights_support import GOOD, seen

WIDTHS = [2.0, 2.5, 3.0, 4.0, None]
FRAMES = [
    seen(i, replace(GOOD, green_fwhm_px=width, transparency=1 - i / 10, effective_s=100.0 - 10 * i))
    for i, width in enumerate(WIDTHS)
]


def kept(keep="", best="", frames=FRAMES):
    return [choice.frame.number for choice in choose(frames, keep, best) if choice.kept]


@pytest.mark.parametrize(
    ("keep", "numbers"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("fwhm_px < 3", [0, 1]),
        ("green_fwhm_px <= 3.0", [0, 1, 2]),
        ("fwhm_px < 1.2 * median", [0, 1, 2]),
        ("fwhm_px < median * 1.2", [0, 1, 2]),
        ("fwhm_px < 120%", [0, 1, 2]),
        ("fwhm_px <= median", [0, 1]),
        ("fwhm_px < 3 and transparency > 0.95", [0]),
        ("fwhm_px < 2.2 or transparency < 0.65", [0, 4]),
        ("not fwhm_px < 3", [2, 3]),
        ("not (fwhm_px < 3 and transparency > 0.95)", [1, 2, 3, 4]),
        ("NOT fwhm_px<3 OR stars!=400", [2, 3]),
        ("transparency == 1", [0]),
        ("rotation_deg > -1e2", [0, 1, 2, 3, 4]),
        ("fwhm_px < 3 or fwhm_px >= 3", [0, 1, 2, 3]),
    ],
)
def test_frames_are_kept_by_what_is_written(keep, numbers):
    assert kept(keep) == numbers


def test_each_rejection_is_explained():
    reasons = [choice.reason for choice in choose(FRAMES, "fwhm_px < 1.2 * median and transparency > 0.8")]
    assert reasons == [
        "",
        "",
        "transparency is 0.8, not > 0.8.",
        "fwhm_px is 4, not < 3.3 (1.2 times the median 2.75).",
        "transparency is 0.6, not > 0.8.",
    ]
    assert choose(FRAMES, "fwhm_px < 9")[4].reason == "fwhm_px is not known."
    assert choose([seen(1, state="failed")], "")[0].reason == "It has no output: its record says failed."


@pytest.mark.parametrize(
    ("best", "numbers"),
    [
        ("100%", [0, 1, 2, 3, 4]),
        ("80%", [0, 1, 2, 3]),
        ("41%", [0, 1, 2]),
        ("1%", [0]),
        ("2", [0, 1]),
        ("99", [0, 1, 2, 3, 4]),
    ],
)
def test_the_best_frames_are_kept(best, numbers):
    assert kept(best=best) == numbers


def test_the_best_are_those_of_what_is_left():
    assert kept("transparency < 0.95", "50%") == [1, 2]
    (choice,) = [c for c in choose(FRAMES, "transparency < 0.95", "50%") if c.frame.number == 3]
    assert choice.reason == "It is number 3 of 4 by worth, of which 2 are kept: 58% of its exposure is worth something."


def test_what_a_frame_is_worth_does_not_depend_on_its_length():
    assert worth(seen(1, replace(GOOD, exposure_s=10.0, effective_s=9.0))) == 0.9
    assert worth(seen(1, replace(GOOD, effective_s=None))) is None
    unknown = seen(9, replace(GOOD, effective_s=None))
    assert kept(best="5", frames=[unknown, *FRAMES]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fwhm < 3", "did you mean fwhm_px?"),
        ("field < 3", "field is a text"),
        ("fwhm_px 3", "one of < <="),
        ("fwhm_px <", "a number, a percentage, or `median`"),
        ("fwhm_px < 3 and", "a figure, such as fwhm_px"),
        ("fwhm_px < 3 transparency > 1", "`and`, `or`, or the end"),
        ("(fwhm_px < 3", "`)`"),
        ("fwhm_px < 1.2 * mean", "`median`"),
        ("fwhm_px < 3; import os", "this cannot stand there"),
        ("__import__('os').system('true')", "cannot stand there"),
        ("(" * 500 + "fwhm_px < 3", "too many brackets"),
        ("not " * 500 + "fwhm_px < 3", "too many brackets"),
    ],
)
def test_what_cannot_be_read_is_shown(text, says):
    with pytest.raises(ExpressionError, match=r".") as told:
        parse(text)
    assert says in str(told.value)


def test_the_place_of_a_mistake_is_shown():
    with pytest.raises(ExpressionError) as told:
        parse("fwhm_px < 3 ! x")
    assert str(told.value).splitlines() == ["this cannot stand there:", "  fwhm_px < 3 ! x", "              ^"]


@pytest.mark.parametrize("best", ["0", "0%", "101%", "-3", "1.5", "many", "nan%", "inf"])
def test_shares_that_are_none_are_told(best):
    with pytest.raises(ExpressionError, match="80%"):
        choose(FRAMES, best=best)


def test_names_without_a_band_are_green_ones():
    assert figure("stars") == figure("green_stars") == "green_stars"
    assert figure("iso") == "iso"


@given(st.text() | st.from_regex(r"(fwhm_px|stars|<|>=|3|\(|\)| and | or |not |median|\*|%| ){1,12}", fullmatch=True))
def test_any_text_is_read_or_explained(text):
    try:
        condition = parse(text)
    except ExpressionError:
        return
    assert condition.holds(Figures(), {}).holds is None
