from __future__ import annotations

from types import SimpleNamespace

import pytest

from arwatch.daemon.heartbeat import SPARE_S, Pulse, ago, status

TIMEOUT_S = 120.0
PATIENCE = TIMEOUT_S + SPARE_S


def _frames(*, in_work: int = 0, waiting: bool = False, paused: bool = False) -> SimpleNamespace:
    return SimpleNamespace(
        in_work=in_work,
        governor=SimpleNamespace(paused=paused),
        ledger=SimpleNamespace(next=lambda: "a frame" if waiting else None),
        tally={"written": 143, "failed": 0},
        last=None,
    )


@pytest.mark.parametrize(
    ("facts", "stuck"),
    [
        ({}, False),
        ({"waiting": True}, True),
        ({"in_work": 1}, True),
        ({"in_work": 1, "waiting": True}, True),
        ({"waiting": True, "paused": True}, False),
        ({"in_work": 1, "paused": True}, True),
    ],
)
def test_only_work_that_no_worker_ends_stops_the_heartbeat(facts: dict[str, bool], *, stuck: bool) -> None:
    """The workers reported last at 0 s."""
    assert Pulse(0.0).is_stuck(_frames(**facts), TIMEOUT_S, 1000.0) is stuck
    assert not Pulse(0.0).is_stuck(_frames(**facts), TIMEOUT_S, PATIENCE)


def test_a_frame_after_a_quiet_night_has_all_its_time() -> None:
    pulse = Pulse(0.0)
    assert not pulse.is_stuck(_frames(), TIMEOUT_S, 1000.0)
    assert not pulse.is_stuck(_frames(in_work=1), TIMEOUT_S, 1000.0 + PATIENCE)
    assert pulse.is_stuck(_frames(in_work=1), TIMEOUT_S, 1001.0 + PATIENCE)


def test_a_report_of_a_worker_is_progress() -> None:
    pulse = Pulse(0.0)
    pulse.heard(500.0, finished=True)
    assert not pulse.is_stuck(_frames(in_work=1), TIMEOUT_S, 500.0 + PATIENCE)


def test_the_status_says_what_goes_on() -> None:
    frames = _frames()
    assert status(frames, 1009.0) == "waiting · 143 written, 0 failed"
    frames.last = ("DSC01234", 1000.0, "sky R 812 G 1404 B 963")
    assert status(frames, 1009.0) == "waiting · 143 written, 0 failed · last DSC01234 9 s ago · sky R 812 G 1404 B 963"


def test_a_backlog_s_rate_and_time_left_are_told() -> None:
    told: list[dict[str, float]] = []
    pulse = Pulse(0.0)
    for second in range(11):
        pulse.heard(float(second), finished=True)
    frames = _frames()
    frames.ledger.waiting = lambda: 100
    pulse.beat(frames, lambda event, **facts: told.append({"event": event} | facts), TIMEOUT_S, 10.0)
    assert told == [{"event": "backlog.progress", "waiting": 100, "per_minute": 60.0, "left_s": 100}]
    assert pulse.sleep(10.0) <= 10.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s ago"), (119.0, "119 s ago"), (120.0, "2 min ago"), (7199.0, "120 min ago"), (7200.0, "2 h ago")],
)
def test_times_are_rounded_for_people(seconds: float, text: str) -> None:
    assert ago(seconds) == text
