"""Figures: one value, and what is derived from its fields."""

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.model.figures import MEANINGS, Figures, line

FULL = Figures(
    taken="2024-08-12T21:15:07.250+00:00", exposure_s=120.0, iso=1600, red_level=812.34567, red_noise=9.1,
    green_level=1404.0, green_noise=12.2, blue_level=963.0, blue_noise=10.0,
    decode_s=0.12345, subtract_s=0.5, write_s=0.25,
)  # fmt: skip


def test_unknown_is_none_and_is_not_told():
    assert Figures().known() == {}
    assert line(Figures()) == ""
    assert Figures().work_s == 0.0


def test_what_is_known_is_rounded_to_the_digits_that_mean_something():
    assert FULL.known()["red_level"] == 812.3457
    assert FULL.known()["decode_s"] == 0.123
    assert FULL.known()["iso"] == 1600


def test_people_read_a_few_of_them():
    assert line(FULL) == "R 812±9 G 1404±12 B 963±10"
    assert line(FULL, status=True) == "R 812 G 1404 B 963"
    assert line(Figures(green_level=5.0)) == "G 5"


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (0, "R 812±9 G 1404±12 B 963±10"),
        (31, "120s R 812±9 G 1404±12 B 963±10"),
        (38, "120s R 812±9 G 1404±12 B 963±10"),
        (39, "120s ISO1600 R 812±9 G 1404±12 B 963±10"),
        (48, "21:15:07 120s ISO1600 R 812±9 G 1404±12 B 963±10"),
    ],
)
def test_where_there_is_room_they_read_more(room, shown):
    assert line(replace(FULL, taken="2024-08-12T21:15:07.250"), room=room) == shown


def test_people_read_the_time_of_their_own_clocks(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        assert line(replace(FULL, iso=None), room=80).startswith("23:15:07 120s ")
    time.tzset()


@given(st.builds(Figures, red_level=st.none() | st.floats(-1e5, 1e5), iso=st.none() | st.integers(0, 10**7)))
def test_they_come_back_as_they_were_kept(figures):
    assert Figures.of(figures.known() | {"of another version": 1}) == Figures.of(figures.known())
    assert Figures.of(figures.known()).known() == figures.known()


@pytest.mark.parametrize(
    ("figures", "dark"),
    [
        (Figures(), False),
        (Figures(sky_rim=-0.51, sky_rim_noise=0.5), True),
        (Figures(sky_rim=-0.5, sky_rim_noise=0.5), False),
        (Figures(sky_rim=5.0, sky_rim_noise=0.5), False),
        (Figures(sky_rim=-5.0, sky_rim_noise=0.5, sky_model="mesh"), False),
        (Figures(sky_rim=-5.0), False),
    ],
)
def test_a_rim_is_dark_if_it_is_below_the_noise(figures, dark):
    assert figures.dark_rim == (-figures.sky_rim if dark else None)


def test_every_figure_says_what_it_is():
    for name, meaning in MEANINGS.items():
        assert meaning.text, name
        assert re.fullmatch("[A-Z0-9_-]{0,8}", meaning.card), name
    cards = [meaning.card for meaning in MEANINGS.values() if meaning.card]
    assert len(set(cards)) == len(cards)
