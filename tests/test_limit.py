"""Floods of noise in the log."""

import pytest

from arwatch.telling.limit import BURST, Limited
from telling_support import event


class Kept:
    def __init__(self):
        self.events = []

    def take(self, event):
        self.events.append(event)

    def named(self, name):
        return [dict(event.facts) for event in self.events if event.name == name]


@pytest.fixture
def kept():
    return Kept()


def test_of_a_flood_a_line_a_second_is_written_and_the_rest_counted(kept):
    limited = Limited(kept)
    for number in range(20_000):  # 500 a second for 40 s
        limited.take(event("frame.gone", number / 500, frame=f"{number}.ARW"))
    written = len(kept.named("frame.gone"))
    assert written == BURST + 39
    assert kept.named("log.suppressed") == []
    limited.take(event("frame.written", 50, frame="a.ARW"))
    assert kept.named("log.suppressed") == [{"events": "frame.gone", "left_out": 20_000 - written}]
    assert [event.name for event in kept.events[-2:]] == ["log.suppressed", "frame.written"]
    limited.take(event("frame.written", 60, frame="b.ARW"))
    assert len(kept.named("log.suppressed")) == 1, "told once"


def test_a_flood_that_goes_on_is_told_every_minute(kept):
    limited = Limited(kept)
    for number in range(5 * 600):  # 5 a second for 10 minutes
        limited.take(event("frame.seen", number / 5, frame=f"{number}.ARW"))
    told = kept.named("log.suppressed")
    assert len(told) == 9
    limited.take(event("service.stopped", 600))
    told = kept.named("log.suppressed")
    assert sum(facts["left_out"] for facts in told) + len(kept.named("frame.seen")) == 3000, "nothing is forgotten"


@pytest.mark.parametrize("name", ["frame.written", "frame.failed", "frame.retried", "frame.settled", "frame.skipped"])
def test_of_frames_nothing_is_left_out(kept, name):
    limited = Limited(kept)
    for number in range(10 * BURST):
        limited.take(event(name, frame=f"{number}.ARW"))
    assert len(kept.events) == 10 * BURST


def test_names_have_bounds_of_their_own_and_a_clock_set_back_changes_nothing(kept):
    limited = Limited(kept)
    for number in range(BURST):
        limited.take(event("frame.seen", -number))
        limited.take(event("frame.gone", -number))
    assert len(kept.events) == 2 * BURST
    limited.take(event("frame.seen", -2 * BURST))
    assert len(kept.events) == 2 * BURST
