"""Events as people read them: whole lines."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arwatch.telling.console import Console, Renderer
from arwatch.telling.screen import Screen
from arwatch.telling.text import columns, printable, shorten
from telling_support import WRITTEN, event

SETTINGS_REASON = """/etc/arwatch/arwatch.toml: 2 settings cannot be used:
  [watch] setle_s: no such key; did you mean settle_s?
  [workers] count = "many": expected whole number, unable to parse string as an integer"""


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    import time  # noqa: PLC0415 -- only to make the zone known

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def lines(name, width=80, **facts):
    """Give an event's lines below the one of the date."""
    return Renderer(colour=False).text(event(name, **facts), width).splitlines()[1:]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "DSC01234.ARW 120s ISO1600 R 812±9 G 1404±12 B 963±10"),
        ({"waiting": 12}, "DSC01234.ARW 120s ISO1600 R 812±9 G 1404±12 B 963±10"),
        ({"iso": None}, "DSC01234.ARW 21:12:05 120s R 812±9 G 1404±12 B 963±10"),
        ({"iso": None, "taken": None, "waiting": 12}, "DSC01234.ARW 120s R 812±9 G 1404±12 B 963±10 12 wait"),
        ({"iso": None, "taken": None}, "DSC01234.ARW 120s R 812±9 G 1404±12 B 963±10 1.0s work"),
        ({"iso": None, "exposure_s": None}, "DSC01234.ARW 21:12:05 R 812±9 G 1404±12 B 963±10"),
        (
            {"green_fwhm_px": 2.84, "green_stars": 812, "transparency": 0.93},
            "DSC01234.ARW R 812±9 G 1404±12 B 963±10 2.8px 812* 93%",
        ),
        ({"exposure_s": 1 / 250}, "DSC01234.ARW 0.004s ISO1600 R 812±9 G 1404±12 B 963±10"),
        ({"frame": "x" * 250 + ".ARW"}, "xxxxxxxxxxxxxxxxx…xxxxxx.ARW R 812±9 G 1404±12 B 963±10"),
        ({"frame": "星" * 90 + ".ARW"}, "星星星星星星…星星星星星.ARW R 812±9 G 1404±12 B 963±10"),
    ],
)
def test_a_written_frame_is_a_line_of_80_columns(facts, text):
    (line,) = lines("frame.written", **(WRITTEN | facts))
    assert line == f"21:14:08 frame.written   {text}"
    assert columns(line) <= 80


def test_a_written_frame_of_another_name_says_why_below():
    assert lines("frame.written", **WRITTEN, reason="a.fits is not arwatch's: this is a~1.fits")[1:] == [
        " " * 25 + "a.fits is not arwatch's: this is a~1.fits"
    ]


def test_a_wider_terminal_shows_when_the_exposure_began():
    assert lines("frame.written", 120, **WRITTEN) == [
        "21:14:08 frame.written   DSC01234.ARW 21:12:05 120s ISO1600 R 812±9 G 1404±12 B 963±10 1.0s work"
    ]


def test_a_written_frame_of_which_nothing_is_known_is_a_line():
    assert lines("frame.written", frame="a.ARW") == ["21:14:08 frame.written   a.ARW 0.0s work"]


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        (
            "service.started",
            {"version": "1", "folder": ["/a/night", "/b"], "workers": 2},
            ["21:14:08 service.started /a/night,/b version=1 workers=2"],
        ),
        (
            "frame.failed",
            {"frame": "DSC01235.ARW", "path": "/c/DSC01235.ARW", "code": "damaged", "reason": "rows are blank"},
            ["21:14:08 frame.failed  ✗ DSC01235.ARW code=damaged · rows are blank"],
        ),
        (
            "watch.lost",
            {"folder": "/srv/captures", "reason": "the folder is not there"},
            ["21:14:08 watch.lost    ! /srv/captures · the folder is not there"],
        ),
        ("watch.overflowed", {}, ["21:14:08 watch.overflowed !"]),
        ("worker.lost", {"frame": None, "reason": "killed"}, ["21:14:08 worker.lost   ! killed"]),
        (
            "frame.waiting",
            {"frame": "x" * 250 + ".ARW", "size": 25221888, "needed": 25221888},
            ["21:14:08 frame.waiting   xxxxxxxxxxxxxxx…xxxxx.ARW size=25221888 needed=25221888"],
        ),
        (
            "frame.retried",
            {
                "frame": "DSC01235.ARW",
                "attempt": 1,
                "again_in_s": 5.0,
                "reason": "/srv/a-very-long-name-of-a-folder/DSC01235.bkg_subtracted.fits: Permission denied",
            },
            [
                "21:14:08 frame.retried ! DSC01235.ARW attempt=1 again_in_s=5 ·",
                "                         /srv/a-very-long-name-of-a-folder/DSC01235.bkg_subtracted.fits:",
                "                         Permission denied",
            ],
        ),
        (
            "service.reload_failed",
            {"reason": SETTINGS_REASON},
            [
                "21:14:08 service.reload_failed ✗ /etc/arwatch/arwatch.toml: 2 settings cannot be",
                "                         used:",
                "                           [watch] setle_s: no such key; did you mean settle_s?",
                '                           [workers] count = "many": expected whole number,',
                "                             unable to parse string as an integer",
            ],
        ),
        (
            "frame.failed",
            {"frame": "a\n21:14:09 frame.written   b.ARW", "reason": "x\n21:14:09 frame.written   b.ARW\x1b[2J"},
            [
                r"21:14:08 frame.failed  ✗ a\n21:14:09 frame.written   b.ARW · x",
                r"                         21:14:09 frame.written   b.ARW\x1b[2J",
            ],
        ),
    ],
)
def test_events_as_lines(name, facts, expected):
    assert lines(name, **facts) == expected


def test_a_skipped_frame_is_one_line():
    output = "/srv/captures/2026-11-21/DSC00001.bkg_subtracted.fits"
    assert lines("frame.skipped", frame="DSC00001.ARW", output=output, reason="the output is up to date") == [
        "21:14:08 frame.skipped   DSC00001.ARW · the output is up to date"
    ]


def test_the_date_is_told_when_it_changes():
    renderer = Renderer(colour=False)
    night = [event("frame.skipped", after_s, frame="a.ARW") for after_s in (0, 60, 4 * 3600)]
    assert "\n".join(map(renderer.text, night)).splitlines() == [
        "2026-11-21",
        "21:14:08 frame.skipped   a.ARW",
        "21:15:08 frame.skipped   a.ARW",
        "2026-11-22",
        "01:14:08 frame.skipped   a.ARW",
    ]


def test_the_sign_tells_what_the_colour_tells():
    text = Renderer(colour=True).text(event("disk.low", reason="a\nb"))
    assert text == "2026-11-21\n\x1b[33m21:14:08 disk.low      ! a\n                         b\x1b[0m"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "frame.failed  ✗ a±b.ARW code=x · it is …"),
        ("latin-1", "frame.failed  X a±b.ARW code=x · it is ~"),
        ("ascii", "frame.failed  X a+-b.ARW code=x - it is ~"),
    ],
)
def test_a_stream_gets_what_its_encoding_has(encoding, expected):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    console = Console(Screen(stream), everything=False, progress=False)
    console.take(event("frame.failed", frame="a±b.ARW", code="x", reason="it is …"))
    assert stream.buffer.getvalue().decode(encoding) == f"2026-11-21\n21:14:08 {expected}\n"


@pytest.mark.parametrize(
    ("name", "facts", "is_shown"),
    [
        ("frame.seen", {}, False),
        ("frame.settled", {}, False),
        ("frame.gone", {}, True),
        ("log.suppressed", {"events": "frame.seen"}, False),
        ("log.suppressed", {"events": "frame.gone"}, True),
    ],
)
def test_steps_on_a_frame_s_way_are_no_lines(name, facts, is_shown):
    assert Renderer(colour=False).shows(event(name, **facts)) is is_shown
    assert Renderer(colour=False, everything=True).shows(event(name, **facts))


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("DSC01234.ARW", 12, "DSC01234.ARW"),
        ("DSC01234.ARW", 11, "DSC012….ARW"),
        ("abcdefgh", 5, "abc…h"),
        ("星星星星", 5, "星…星"),
        ("e\u0301e\u0301e\u0301e\u0301e\u0301", 5, "e\u0301e\u0301e\u0301e\u0301e\u0301"),
    ],
)
def test_names_are_cut_in_the_middle(text, room, short):
    assert shorten(text, room) == short


@given(st.text(st.characters(exclude_characters="…")), st.integers(5, 60))
def test_a_cut_name_has_its_room(text, room):
    short = shorten(printable(text), room)
    assert columns(short) <= room
    head, _, tail = short.partition("…")
    assert printable(text).startswith(head)
    assert short == printable(text) or printable(text).endswith(tail)


def test_printable_leaves_ordinary_names_alone():
    assert printable("Große Öse 星.ARW") == "Große Öse 星.ARW"
