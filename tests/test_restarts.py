"""When what ended by a mistake begins again: a clock that the test moves."""

from __future__ import annotations

import pytest

from arwatch.daemon.restarts import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, Restarts


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def ended_after(restarts, clock, seconds):
    """Let a thing run for so long; gives how long it waits then."""
    restarts.began("a")
    clock.now += seconds
    restarts.ended("a")
    return restarts.sleep()


def test_what_ends_soon_each_time_waits_ever_longer_and_what_ran_for_long_does_not():
    clock = Clock()
    restarts = Restarts(clock)
    pauses = [ended_after(restarts, clock, 0.0) for _ in range(12)]
    assert pauses[:3] == pytest.approx([FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S])
    assert pauses[-1] == LONGEST_PAUSE_S
    assert ended_after(restarts, clock, STEADY_S) == pytest.approx(FIRST_PAUSE_S)


def test_a_thing_waits_until_it_is_due_and_has_begun():
    clock = Clock()
    restarts = Restarts(clock)
    assert (restarts.waits("a"), restarts.due(), restarts.sleep()) == (False, [], None)
    restarts.ended("a")
    assert (restarts.waits("a"), restarts.due(), restarts.waits("b")) == (True, [], False)
    clock.now += FIRST_PAUSE_S
    assert (restarts.waits("a"), restarts.due(), restarts.sleep()) == (False, ["a"], 0.0)
    restarts.began("a")
    assert (restarts.due(), restarts.sleep()) == ([], None)


def test_a_thing_that_is_forgotten_is_not_begun_again():
    restarts = Restarts(Clock())
    restarts.ended("a")
    restarts.forget("a")
    assert restarts.sleep() is None
