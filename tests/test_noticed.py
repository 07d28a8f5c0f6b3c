from pathlib import Path

import pytest

from arwatch.daemon import noticed
from arwatch.daemon.noticed import AT_ONCE, HOLD_S, Noticed


def names(count, what="junk"):
    return [Path(f"/night/{what}{number}.ARW") for number in range(count)]


def test_few_names_are_looked_at_at_once():
    waiting = Noticed()
    for now, path in enumerate(names(3)):
        assert waiting.sleep(float(now)) is None
        assert waiting.note(path, float(now))
        assert not waiting.note(path, float(now))
        assert waiting.sleep(float(now)) == 0.0
        assert waiting.take(50, float(now)) == [path]


def test_a_flood_is_held_until_most_of_it_has_gone():
    waiting = Noticed()
    flood = names(AT_ONCE + 3)
    sooner = [waiting.note(path, 100.0) for path in flood]
    assert sooner == [True] * (AT_ONCE + 1) + [False] * 2, "the first that is held is due, too"
    assert waiting.take(50, 100.0) == flood[:AT_ONCE]
    assert waiting.sleep(100.25) == pytest.approx(HOLD_S - 0.25)
    assert waiting.take(50, 100.25) == []
    frame = Path("/night/DSC00001.ARW")
    waiting.note(frame, 100.5)
    assert waiting.take(50, 100.5) == [frame], "the flood is over"
    assert waiting.take(2, 101.0) == flood[AT_ONCE : AT_ONCE + 2]
    assert waiting.take(2, 101.0) == flood[AT_ONCE + 2 :]
    assert len(waiting) == 0


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(noticed, "MOST", 10)
    waiting = Noticed()
    for path in names(AT_ONCE + 10):
        waiting.note(path, 100.0)
    assert not waiting.overflowed
    assert waiting.note(Path("/night/one more.ARW"), 100.0)
    assert waiting.overflowed
    assert len(waiting) == AT_ONCE
