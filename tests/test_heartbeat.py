from __future__ import annotations

from types import SimpleNamespace

import pytest

from arwatch.daemon.heartbeat import SPARE_S, Heartbeat, ago, status
from arwatch.daemon.report import Report

TIMEOUT_S = 120.0
PATIENCE = TIMEOUT_S + SPARE_S


class Scheduler(SimpleNamespace):
    """What the heartbeat asks of a scheduler."""

    def __init__(self, *, in_work: int = 0, due: bool = False, paused: bool = False, waiting: int = 0) -> None:
        super().__init__(in_work=in_work, paused=paused, could_go_on=lambda: due, waiting=lambda: waiting)


def report(told: list[dict[str, object]] | None = None) -> Report:
    return Report(lambda event, **facts: told.append({"event": event} | facts))  # type: ignore[arg-type, union-attr]


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
    night.counts["written"] = 143
    assert status(Scheduler(), night, 1009.0) == "waiting · 143 written, 0 failed"
    night.last = ("DSC01234", 1000.0, "R 812 G 1404 B 963")
    assert status(Scheduler(in_work=1), night, 1009.0) == (
        "working · 143 written, 0 failed · last DSC01234 9 s ago · sky R 812 G 1404 B 963"
    )
    assert status(Scheduler(paused=True), night, 1009.0).startswith("disk low")


def test_a_backlog_s_rate_and_time_left_are_told() -> None:
    told: list[dict[str, object]] = []
    heartbeat = Heartbeat(0.0)
    for second in range(11):
        heartbeat.worker_reported(float(second), finished=True)
    heartbeat.renew(Scheduler(waiting=100), report(told), TIMEOUT_S, 10.0)
    assert told == [{"event": "backlog.progress", "waiting": 100, "per_minute": 60.0, "left_s": 100}]
    assert heartbeat.sleep(10.0) <= 10.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s ago"), (119.0, "119 s ago"), (120.0, "2 min ago"), (7199.0, "120 min ago"), (7200.0, "2 h ago")],
)
def test_times_are_rounded_for_people(seconds: float, text: str) -> None:
    assert ago(seconds) == text
