from pathlib import Path

import pytest

from arwatch.settings import Disk
from arwatch.work.disk import FIRST_GUESS, MIB, RECENT, SPELL_S, Free, Room, free_room

PLENTY = Free(1 << 40, 1 << 20)


def room(min_free_mib=100, warn_h=2.0):
    return Room(Disk(min_free_mib=min_free_mib, warn_h=warn_h))


def test_room_is_wanted_for_what_is_in_work_and_what_comes_next():
    g = room()
    need = 100 * MIB + int(FIRST_GUESS * 30)
    assert g.wanted([10, 20]) == (need, 2)
    assert g.has_room(Free(need, 2), [10, 20], now=0.0)
    assert not g.has_room(Free(need - 1, 2), [10, 20], now=0.0)
    assert not g.has_room(Free(need, 1), [10, 20], now=0.0)


def test_the_guess_follows_the_last_output():
    g = room(min_free_mib=0)
    g.wrote(source_size=10, output_size=20, taken_s=0.0)
    assert g.wanted([10]).bytes == 20


def test_refused_writes_are_waited_for_ever_longer():
    g = room()
    waits = []
    for _ in range(9):
        g.refused(now=0.0)
        waits.append(next(t for t in range(1, 1000) if g.has_room(PLENTY, [1], now=float(t))))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    g.wrote(1, 1, taken_s=0.0)
    g.refused(now=0.0)
    assert g.has_room(PLENTY, [1], now=5.0)


@pytest.mark.parametrize(("free_gib", "warned"), [(1000, False), (10, True)])
def test_the_forecast_warns_once(free_gib, warned):
    g = room(min_free_mib=0)
    for frame in range(2 * RECENT):
        g.wrote(24_000_000, 96_000_000, taken_s=30.0 * frame)
    free = free_gib << 30
    assert g.hours_left(free) == pytest.approx(free / (96_000_000 / 30.0) / 3600)
    assert (g.forecast(free) is not None) is warned
    assert g.forecast(free) is None, "told once"


def test_the_forecast_warns_again_after_it_was_well():
    g = room(min_free_mib=0)
    for frame in range(2 * RECENT):
        g.wrote(1, 96_000_000, taken_s=30.0 * frame)
    assert [g.forecast(free << 30) is not None for free in (10, 10, 1000, 10)] == [True, False, False, True]


def test_a_burst_is_no_rate_for_hours():
    """30 frames within a second on a disk with 65 GB free: 0.4 hours would be left if they came so all night."""
    g = room()
    for frame in range(30):
        g.wrote(100_000, 400_000, taken_s=frame / 30)
    assert g.hours_left(65 << 30) > 24
    for frame in range(10 * RECENT):
        g.wrote(24_000_000, 96_000_000, taken_s=10.0 * (frame + 1))
    assert g.hours_left(65 << 30) == pytest.approx(((65 << 30) - 100 * MIB) / 9_600_000 / 3600, rel=0.01)


def test_frames_that_come_fast_and_for_long_are_told_of_before_the_disk_is_full():
    g, free = room(min_free_mib=0), 60 << 30
    for frame in range(int(SPELL_S)):
        free -= 96_000_000
        g.wrote(24_000_000, 96_000_000, taken_s=float(frame))
        if g.forecast(free) is not None:
            break
    assert free > 40 << 30


def test_little_is_said_about_few_frames():
    assert room().hours_left(1 << 40) is None


def test_the_room_of_a_folder_that_will_be_made(tmp_path):
    assert free_room(tmp_path / "not" / "yet") == pytest.approx(free_room(tmp_path), rel=0.1)


def test_a_file_system_that_counts_no_files():
    assert free_room(Path("/proc")).files > 1 << 40
