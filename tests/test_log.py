import contextlib
import io
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from arwatch.settings import Log as LogSettings
from arwatch.telling.log import EVENTS, ConsoleRenderer, Log, Patient
from arwatch.telling.text import printable

WRITTEN = {
    "frame": "DSC00001.ARW",
    "path": "/captures/DSC00001.ARW",
    "output": "/captures/DSC00001.bkg_subtracted.fits",
    "red_level": 812.31,
    "red_noise": 9.1,
    "green_level": 1404.2,
    "green_noise": 12.4,
    "blue_level": 963.0,
    "blue_noise": 10.0,
    "decode_s": 0.31,
    "subtract_s": 0.52,
    "write_s": 0.2,
    "since_complete_s": 3.2,
    "waiting": 3,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def line(form, event, stream=None, level="info", **facts):
    stream = stream or io.StringIO()
    Log(LogSettings(format=form, level=level), stream)(event, **facts)
    return stream.getvalue()


def test_json_is_one_object_a_line_with_utc_time():
    text = line("json", "frame.written", **WRITTEN)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    event = json.loads(text)
    assert event.items() >= WRITTEN.items()
    assert (event["event"], event["level"]) == ("frame.written", "info")
    assert datetime.fromisoformat(event["time"]).utcoffset().total_seconds() == 0


def test_the_console_line_fits_a_terminal_of_80_columns():
    text = line("console", "frame.written", **WRITTEN)
    assert text[8:] == " frame.written   DSC00001.ARW R 812±9 G 1404±12 B 963±10 1.0s 3 wait\n"
    assert len(text) <= 80


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO, True), (Terminal, False)])
def test_auto_is_for_people_on_a_terminal(stream, is_json):
    assert line("auto", "service.stopped", stream(), written=1).startswith("{") is is_json


@pytest.mark.parametrize(
    ("event", "prefix"), [("frame.failed", "<3>{"), ("watch.lost", "<4>{"), ("frame.written", "<6>{")]
)
def test_the_journal_gets_a_priority(monkeypatch, tmp_path, event, prefix):
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
        Log(LogSettings(format="json"))(event, **WRITTEN)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        Log(LogSettings(format="json"))(event, **WRITTEN)
        stream.seek(0)
        inherited, ours = stream.readlines()
    assert inherited.startswith("{"), "the variable alone does not say that stderr is the journal"
    assert ours.startswith(prefix)


def test_only_terminals_get_colour(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in line("console", "frame.failed", Terminal(), frame="a", reason="b")
    assert "\x1b" not in line("console", "frame.failed", frame="a", reason="b")


def test_a_name_cannot_steer_the_terminal():
    text = line("console", "frame.failed", Terminal(), frame="a\x1b[2J\n\udcff.ARW", reason="x\x07y")
    assert text.count("\x1b") == 2, "only our own colour"
    assert text.count("\n") == 1
    assert r"a\x1b[2J\n\udcff.ARW" in text
    assert r"x\x07y" in text


def test_undecodable_names_are_valid_json():
    assert json.loads(line("json", "frame.seen", frame="\udcff.ARW"))["frame"] == "\udcff.ARW"


def test_the_level_is_kept_to():
    assert line("json", "frame.written", level="warning", **WRITTEN) == ""
    assert line("json", "frame.failed", level="warning", reason="x")


def test_an_event_that_is_not_on_the_list_is_a_mistake():
    with pytest.raises(KeyError):
        line("json", "frame.exploded")


def test_a_closed_terminal_ends_nothing():
    stream = io.StringIO()
    log = Log(LogSettings(format="json"), stream)
    stream.close()
    log("frame.seen", frame="a")


def test_long_names_are_shortened_for_people():
    text = ConsoleRenderer(colour=False)(None, "", {"event": "frame.seen", "frame": "x" * 250 + ".ARW"})
    assert len(text) <= 80
    assert text.endswith(".ARW")


def test_printable_leaves_ordinary_names_alone():
    assert printable("Große Öse 星.ARW") == "Große Öse 星.ARW"


def test_the_readme_documents_every_event():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert "@" not in readme.replace("arwatch@", ""), "a place that was not filled in"
    for name, (level, meaning) in EVENTS.items():
        assert f"| `{name}` | {level} | {meaning} |" in readme


def test_folders_are_named_as_people_write_them():
    event = {"event": "service.started", "folder": ["/a/night", "/b"], "workers": 2}
    assert ConsoleRenderer(colour=False)(None, "", event).endswith("/a/night,/b workers=2")


def test_an_output_of_another_name_says_so():
    facts = {"frame": "a.ARW", "output": "/n/a~1.fits", "kept": "a.fits is not arwatch's", "waiting": 0}
    line = ConsoleRenderer(colour=False)(None, "", {"event": "frame.written", "decode_s": 1.0, **facts})
    assert line.endswith("1.0s -> a~1.fits · a.fits is not arwatch's")


def test_a_reader_that_stopped_holds_nobody_up():
    ours, theirs = os.pipe()
    log = Log(LogSettings(format="json"), Patient(theirs, "utf-8"))
    for _ in range(2000):  # more than a pipe holds
        log("frame.seen", frame="a.ARW")
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):  # it is empty
        while os.read(ours, 1 << 16):
            pass
    log("frame.seen", frame="the next.ARW")
    assert b"the next.ARW" in os.read(ours, 1 << 16)
    os.close(ours)
    log("frame.seen", frame="nobody hears of.ARW")
    os.close(theirs)
