from __future__ import annotations

from types import SimpleNamespace

import pytest

from arwatch.log import Log
from arwatch.service import Service, _ago
from arwatch.settings import Settings

PATIENCE = Settings().workers.timeout_s + 60


def _service(*, in_work: int = 0, waiting: bool = False, paused: bool = False) -> Service:
    """Give a service at the moment 1000 s, whose workers reported last at 0 s."""
    service = Service(Settings(), Settings, Log(Settings().log))
    service._progress = 0.0
    service._frames = SimpleNamespace(
        in_work=in_work,
        governor=SimpleNamespace(paused=paused),
        ledger=SimpleNamespace(next=lambda: "a frame" if waiting else None),
        tally={"written": 143, "failed": 0},
        last=None,
    )
    return service


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
    assert _service(**facts)._is_stuck(1000.0) is stuck
    assert not _service(**facts)._is_stuck(PATIENCE)


def test_a_frame_after_a_quiet_night_has_all_its_time() -> None:
    service = _service()
    assert not service._is_stuck(1000.0)
    service._frames.in_work = 1
    assert not service._is_stuck(1000.0 + PATIENCE)
    assert service._is_stuck(1001.0 + PATIENCE)


def test_the_status_says_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    service = _service()
    assert service._status() == "waiting · 143 written, 0 failed"
    monkeypatch.setattr("time.monotonic", lambda: 1009.0)
    service._frames.last = ("DSC01234", 1000.0, "sky R 812 G 1404 B 963")
    assert service._status() == "waiting · 143 written, 0 failed · last DSC01234 9 s ago · sky R 812 G 1404 B 963"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s ago"), (119.0, "119 s ago"), (120.0, "2 min ago"), (7199.0, "120 min ago"), (7200.0, "2 h ago")],
)
def test_times_are_rounded_for_people(seconds: float, text: str) -> None:
    assert _ago(seconds) == text
