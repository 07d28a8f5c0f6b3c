"""Times as people type them."""

from datetime import datetime, timedelta, timezone

import pytest

from arwatch.commands.options import broken, moment_of

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("now", "2026-11-22 01:00"),
        ("today", "2026-11-22 00:00"),
        ("Yesterday", "2026-11-21 00:00"),
        ("00:30", "2026-11-22 00:30"),
        ("20:30", "2026-11-21 20:30"),
        ("9:05:30", "2026-11-21 09:05:30"),
        ("2h", "2026-11-21 23:00"),
        ("-90min", "2026-11-21 23:30"),
        ("3 d ago", "2026-11-19 01:00"),
        ("2026-11-20", "2026-11-20 00:00"),
        ("2026-11-20 20:30", "2026-11-20 20:30"),
        ("2026-11-20T20:30+00:00", "2026-11-20 21:30"),
    ],
)
def test_a_time_is_the_last_one_that_was(typed, meant):
    assert moment_of(typed, NOW) == datetime.fromisoformat(f"{meant}+01:00")


@pytest.mark.parametrize("typed", ["", "soon", "25:00", "12", "2026-13-01", "tomorrow"])
def test_what_is_no_time_is_none(typed):
    assert moment_of(typed, NOW) is None


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("arwatch: short", ["arwatch: short"]),
        ("", [""]),
        ("  line 2: put quotes around each text", ["  line 2: put quotes", "    around each text"]),
        ("allow it: sudo chown -R anna /srv", ["allow it:", "  sudo chown -R anna /srv"]),
        ("there is `arwatch run FOLDER` for it", ["there is", "  `arwatch run FOLDER`", "  for it"]),
        ("/a/path/that is longer/than a line/of it", ["/a/path/that is", "  longer/than a line/of", "  it"]),
    ],
)
def test_lines_are_broken_between_words_but_not_what_is_to_be_typed(line, lines):
    assert broken(line, 24) == lines


def test_further_lines_stand_below_the_text_of_a_table():
    told = broken("ok   disk    there is much room", 24, indent=13)
    assert told == ["ok   disk    there is", "             much room"]
