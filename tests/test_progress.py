"""The progress line on a real terminal."""

import io
import os
from contextlib import contextmanager

import pytest

from arwatch.settings import Log as LogSettings
from arwatch.telling.log import Log
from arwatch.telling.patient import Patient
from arwatch.telling.progress import Counter
from arwatch.telling.screen import Screen
from telling_support import event
from terminals import terminal


def tally(*events):
    counter = Counter()
    for name, after_s, facts in events:
        counter.take(event(name, after_s, **facts))
    return str(counter.tally)


def seen(count):
    return [("frame.seen", 0, {"path": f"/{number}"}) for number in range(count)]


def settled(count):
    return [("frame.settled", 0, {"path": f"/{number}"}) for number in range(count)]


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([], ""),
        (seen(3), "3 arriving"),
        ([*seen(3), *seen(2)], "3 arriving"),
        ([*seen(3), ("frame.waiting", 1, {"path": "/0"})], "3 arriving"),
        ([*seen(3), ("frame.gone", 1, {"path": "/0"})], "2 arriving"),
        ([*seen(3), ("frame.failed", 1, {"path": "/0"})], "2 arriving"),
        ([*seen(5), *settled(2)], "3 arriving · 2 wait"),
        ([*seen(2), *settled(2), ("frame.written", 1, {"path": "/0", "waiting": 1})], "1 wait"),
        ([*seen(2), *settled(2), ("frame.failed", 1, {"path": "/0"}), ("frame.skipped", 1, {"path": "/1"})], ""),
        ([*seen(1), *settled(1), ("frame.retried", 1, {"path": "/0"})], "1 wait"),
        ([*seen(4), ("watch.scanned", 0, {"waiting": 4})], "4 arriving"),
        ([*seen(1), ("watch.scanned", 0, {"waiting": 1}), *settled(1), ("frame.skipped", 1, {"path": "/0"})], ""),
        ([("backlog.progress", 0, {"waiting": 12, "per_minute": 85.0, "left_s": 9})], "12 wait"),
        (
            [("frame.written", number / 2, {"path": f"/{number}", "waiting": 1000 - number}) for number in range(100)],
            "901 wait · 120/min · 8 min left",
        ),
        (
            [
                ("frame.written", 0, {"path": "/0", "waiting": 9}),
                ("frame.written", 1, {"path": "/1", "waiting": 8}),
                ("frame.seen", 100, {"path": "/3"}),
            ],
            "1 arriving · 8 wait",  # what ended long ago says nothing of now
        ),
        ([("service.stopped", 0, {"waiting": None})], ""),
    ],
)
def test_frames_are_counted_by_their_events(events, line):
    assert tally(*events) == line


@contextmanager
def log_on_a_terminal(columns=80, **settings):
    with terminal(columns) as shown:
        yield Log(LogSettings(**settings), Patient(shown.descriptor, "utf-8")), shown


def frame(log, name, number, **facts):
    log(name, frame=f"DSC0000{number}.ARW", path=f"/c/DSC0000{number}.ARW", **facts)


@pytest.fixture(autouse=True)
def xterm(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


def test_it_is_redrawn_below_the_lines_and_vanishes_at_the_end():
    with log_on_a_terminal() as (log, shown):
        frame(log, "frame.seen", 1)
        frame(log, "frame.seen", 2)
        assert shown.lines == ["2 arriving"]
        frame(log, "frame.settled", 1)
        assert shown.lines == ["1 arriving · 1 wait"]
        frame(log, "frame.failed", 1, code="damaged", reason="rows are blank")
        date, failed, bottom = shown.lines
        assert (failed[8:], bottom) == (" frame.failed  ✗ DSC00001.ARW code=damaged · rows are blank", "1 arriving")
        log("service.stopping", signal="SIGTERM", in_work=0)
        assert shown.lines[:2] == [date, failed]
        assert shown.lines[-1] == "1 arriving"
        log("service.stopped", waiting=1)
        lines = shown.lines
        assert [line[9:] for line in lines[1:]] == [failed[9:], "service.stopping signal=SIGTERM in_work=0",
                                                    "service.stopped waiting=1", ""]  # fmt: skip


def test_nothing_is_shown_where_there_is_nothing_to_be_done():
    with log_on_a_terminal() as (log, shown):
        frame(log, "frame.seen", 1)
        frame(log, "frame.settled", 1)
        frame(log, "frame.written", 1, waiting=0)
        assert [line[9:] for line in shown.lines[1:]] == ["frame.written   DSC00001.ARW 0.0s work", ""]


def test_a_narrow_terminal_gets_a_short_one():
    with log_on_a_terminal(columns=20) as (log, shown):
        for number in range(5):
            frame(log, "frame.seen", number)
        frame(log, "frame.settled", 1)
        log("backlog.progress", waiting=12345678)
        assert shown.lines[-1] == "4 arriving …78 wait", "the last column stays free"


@pytest.mark.parametrize(("level", "is_a_line"), [("info", False), ("debug", True)])
def test_where_it_tells_of_the_backlog_no_other_line_does(level, is_a_line):
    with log_on_a_terminal(level=level) as (log, shown):
        log("backlog.progress", waiting=12, per_minute=85.0, left_s=9)
        assert ("backlog.progress" in "".join(shown.lines)) is is_a_line
        assert shown.lines[-1] == "12 wait"


@pytest.mark.parametrize("settings", [{"format": "json"}, {"level": "warning"}])
def test_there_is_none_where_nobody_looks_or_nothing_is_counted(settings):
    with log_on_a_terminal(**settings) as (log, shown):
        frame(log, "frame.seen", 1)
        assert "arriving" not in "".join(shown.lines)


def test_there_is_none_on_a_terminal_that_cannot_redraw(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with log_on_a_terminal() as (log, shown):
        frame(log, "frame.seen", 1)
        assert shown.lines == [""]


def test_there_is_none_on_a_stream_that_is_no_terminal():
    stream = io.StringIO()
    log = Log(LogSettings(format="console"), stream)
    frame(log, "frame.seen", 1)
    frame(log, "frame.gone", 1)
    date, line = stream.getvalue().splitlines()
    assert (len(date), line[8:]) == (10, " frame.gone      DSC00001.ARW")


def test_a_log_that_follows_another_one_clears_its_line():
    """After a reload with other settings of the log."""
    with log_on_a_terminal() as (log, shown):
        frame(log, "frame.seen", 1)
        Log(LogSettings(level="debug"), Patient(shown.descriptor, "utf-8"))("service.reloaded")
        assert [line[9:] for line in shown.lines[1:]] == ["service.reloaded", ""]


def test_a_shell_that_has_its_terminal_back_is_not_drawn_upon():
    """A child in a session of its own leaves the terminal's foreground to another process group."""
    with terminal() as shown:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.close(os.open(os.ttyname(shown.descriptor), os.O_RDWR))  # now it controls the session
            foreground = os.tcgetpgrp(shown.descriptor) == os.getpgrp()
            screen = Screen(Patient(shown.descriptor, "utf-8"), {"TERM": "xterm"})
            screen.bottom("in the foreground")
            grandchild = os.fork()
            if grandchild == 0:
                os.setpgid(0, 0)
                screen.bottom("in the background")
                os._exit(0)
            os.waitpid(grandchild, 0)
            os._exit(0 if foreground else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert shown.lines == [""]
