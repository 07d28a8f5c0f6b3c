from __future__ import annotations

import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from arwatch.daemon.heartbeat import SPARE_S, Heartbeat, ago, status
from arwatch.daemon.report import Report
from arwatch.daemon.tonight import Tonight, last_noon

TIMEOUT_S = 120.0
PATIENCE = TIMEOUT_S + SPARE_S


class Scheduler(SimpleNamespace):
    """What the heartbeat asks of a scheduler."""

    def __init__(self, *, in_work: int = 0, due: bool = False, paused: bool = False, waiting: int = 0) -> None:
        super().__init__(in_work=in_work, paused=paused, could_go_on=lambda: due, waiting=lambda: waiting)


def report(told: list[dict[str, object]] | None = None) -> Report:
    listed = [] if told is None else told
    return Report(lambda event, **facts: listed.append({"event": event} | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "stuck"),
    [
        ({}, False),
        ({"due": True}, True),
        ({"in_work": 1}, True),
        ({"in_work": 1, "due": True}, True),
        ({"paused": True, "waiting": 1}, False),
        ({"in_work": 1, "paused": True}, True),
    ],
)
def test_only_work_that_no_worker_ends_stops_the_heartbeat(facts: dict[str, bool], *, stuck: bool) -> None:
    """The workers reported last at 0 s."""
    assert Heartbeat(0.0).is_stuck(Scheduler(**facts), TIMEOUT_S, 1000.0) is stuck
    assert not Heartbeat(0.0).is_stuck(Scheduler(**facts), TIMEOUT_S, PATIENCE)


def test_a_frame_after_a_quiet_night_has_all_its_time() -> None:
    heartbeat = Heartbeat(0.0)
    assert not heartbeat.is_stuck(Scheduler(), TIMEOUT_S, 1000.0)
    assert not heartbeat.is_stuck(Scheduler(in_work=1), TIMEOUT_S, 1000.0 + PATIENCE)
    assert heartbeat.is_stuck(Scheduler(in_work=1), TIMEOUT_S, 1001.0 + PATIENCE)


def test_a_report_of_a_worker_is_progress() -> None:
    heartbeat = Heartbeat(0.0)
    heartbeat.worker_reported(500.0, finished=True)
    assert not heartbeat.is_stuck(Scheduler(in_work=1), TIMEOUT_S, 500.0 + PATIENCE)


def test_the_status_says_what_goes_on() -> None:
    night = report()
    night.tonight = Tonight(lambda _since: {"written": 142, "failed": 1})
    night.frame("frame.written", Path("a.ARW"))
    assert status(Scheduler(), night, [], 1009.0) == "waiting · 143 written, 1 failed tonight"
    night.last = ("DSC01234", 1000.0, "R 812 G 1404 B 963")
    assert status(Scheduler(in_work=1), night, [], 1009.0) == (
        "working · 143 written, 1 failed tonight · last DSC01234 9 s ago · sky R 812 G 1404 B 963"
    )
    assert status(Scheduler(paused=True), night, [], 1009.0).startswith("disk low")


@pytest.mark.parametrize("end", ["frame.written", "frame.skipped", "frame.failed", "frame.gone", "frame.seen"])
def test_the_status_says_how_many_are_retried_and_which_folders_are_away(end: str) -> None:
    night = report()
    for name in ("a", "a", "b"):
        night.frame("frame.retried", Path(f"{name}.ARW"))
    shown = status(Scheduler(), night, ["missing: /mnt/stick"], 0.0)
    assert shown == "waiting · 0 written, 0 failed tonight · 2 retrying · missing: /mnt/stick"
    for name in ("a", "b"):
        night.frame(end, Path(f"{name}.ARW"))
    assert "retrying" not in status(Scheduler(), night, [], 0.0)


def test_a_folder_that_is_lost_shows_at_once(manager: socket.socket) -> None:
    heartbeat = Heartbeat(0.0)
    heartbeat.renew(Scheduler(), report(), [], TIMEOUT_S, 0.0)
    heartbeat.renew(Scheduler(), report(), ["missing: /mnt/stick"], TIMEOUT_S, 0.1)
    assert "missing" not in manager.recv(1000).decode()
    assert "missing: /mnt/stick" in manager.recv(1000).decode()


@pytest.mark.parametrize(
    ("now", "noon"),
    [
        ("2026-11-21 11:59:59", "2026-11-20 12:00:00"),
        ("2026-11-21 12:00:00", "2026-11-21 12:00:00"),
        ("2026-11-22 03:00:00", "2026-11-21 12:00:00"),
        ("2027-01-01 01:00:00", "2026-12-31 12:00:00"),
        ("2026-10-25 09:00:00", "2026-10-24 12:00:00"),  # clocks were set back in between
    ],
)
def test_tonight_began_at_noon(monkeypatch: pytest.MonkeyPatch, now: str, noon: str) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        seconds = [time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S")) for text in (now, noon)]
        assert last_noon(seconds[0]) == seconds[1]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_counts_begin_anew_at_noon() -> None:
    now = [last_noon(time.time()) + 3600.0]
    tonight = Tonight(lambda since: {"written": 7} if since == now[0] - 3600.0 else {}, lambda: now[0])
    tonight.count("failed")
    tonight.count("retried")
    assert str(tonight) == "7 written, 1 failed tonight"
    now[0] += 86400.0
    assert str(tonight) == "0 written, 0 failed tonight"


def test_a_backlog_s_rate_and_time_left_are_told() -> None:
    told: list[dict[str, object]] = []
    heartbeat = Heartbeat(0.0)
    for second in range(11):
        heartbeat.worker_reported(float(second), finished=True)
    heartbeat.renew(Scheduler(waiting=100), report(told), [], TIMEOUT_S, 10.0)
    assert told == [{"event": "backlog.progress", "waiting": 100, "per_minute": 60.0, "left_s": 100}]
    assert heartbeat.sleep(10.0) <= 10.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s ago"), (119.0, "119 s ago"), (120.0, "2 min ago"), (7199.0, "120 min ago"), (7200.0, "2 h ago")],
)
def test_times_are_rounded_for_people(seconds: float, text: str) -> None:
    assert ago(seconds) == text
