"""The log as its callers know it: which sinks there are, and that none of them can end a night."""

import contextlib
import io
import json
import os
from datetime import datetime

import pytest

from arwatch.settings import Log as LogSettings
from arwatch.telling import sinks
from arwatch.telling.log import Log
from arwatch.telling.patient import Patient
from telling_support import WRITTEN
from terminals import shown


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


def test_json_keeps_every_event_and_a_reason_of_several_lines_on_one():
    for event in ("frame.seen", "frame.settled", "service.reload_failed"):
        text = line("json", event, reason="one\ntwo")
        assert text.count("\n") == 1
        assert json.loads(text)["reason"] == "one\ntwo"


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


@pytest.mark.parametrize(
    ("environment", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_only_terminals_that_may_get_colour(monkeypatch, environment, has_colour):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[31m" in line("console", "frame.failed", Terminal(), frame="a", reason="b")) is has_colour
    assert "\x1b" not in line("console", "frame.failed", frame="a", reason="b")


def test_a_name_cannot_steer_the_terminal():
    text = line("console", "frame.failed", Terminal(), frame="a\x1b[2J\n\udcff.ARW", reason="x\x07y")
    assert shown(text.replace("\n", "\r\n"))[1][9:] == r"frame.failed  ✗ a\x1b[2J\n\udcff.ARW · x\x07y"


def test_undecodable_names_are_valid_json():
    assert json.loads(line("json", "frame.seen", frame="\udcff.ARW"))["frame"] == "\udcff.ARW"


def test_the_level_is_kept_to():
    assert line("json", "frame.written", level="warning", **WRITTEN) == ""
    assert line("json", "frame.failed", level="warning", reason="x")


def test_people_see_the_steps_of_a_frame_only_if_they_ask_for_everything():
    assert line("console", "frame.seen", frame="a.ARW") == ""
    assert line("console", "frame.seen", level="debug", frame="a.ARW").endswith(" frame.seen      a.ARW\n")


def test_an_event_that_is_not_on_the_list_is_a_mistake():
    with pytest.raises(KeyError):
        line("json", "frame.exploded")


def test_a_closed_terminal_ends_nothing():
    stream = io.StringIO()
    log = Log(LogSettings(format="json"), stream)
    stream.close()
    log("frame.seen", frame="a")


def test_a_new_sink_is_a_line_and_one_that_fails_costs_only_its_own(monkeypatch):
    taken = []

    class Broken:
        def take(self, event):
            taken.append(event)
            raise RuntimeError(event)

    monkeypatch.setattr(sinks, "COUNTERS", (lambda _place: Broken(), lambda _place: None, *sinks.COUNTERS))
    assert json.loads(line("json", "frame.gone", frame="a.ARW"))["frame"] == "a.ARW"
    (event,) = taken
    assert (event.name, event.level, dict(event.facts)) == ("frame.gone", "info", {"frame": "a.ARW"})
    assert event.time.utcoffset().total_seconds() == 0
    with pytest.raises(TypeError):
        event.facts["frame"] = "b.ARW"


def test_a_reader_that_stopped_holds_nobody_up():
    ours, theirs = os.pipe()
    log = Log(LogSettings(format="json"), Patient(theirs, "utf-8"))
    for _ in range(2000):  # more than a pipe holds
        log("frame.skipped", frame="a.ARW")
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):  # it is empty
        while os.read(ours, 1 << 16):
            pass
    log("frame.skipped", frame="the next.ARW")
    assert b"the next.ARW" in os.read(ours, 1 << 16)
    os.close(ours)
    log("frame.skipped", frame="nobody hears of.ARW")
    os.close(theirs)
