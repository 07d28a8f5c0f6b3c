"""The closed list of events (the documentation is held against it in test_docs.py)."""

from arwatch.telling.events import EVENTS, LEVELS


def test_what_people_are_not_shown_or_are_spared_is_no_failure():
    for name, kind in EVENTS.items():
        assert not (kind.step and LEVELS[kind.level] > LEVELS["info"]), name
    assert not any(EVENTS[name].noisy for name in ("frame.written", "frame.failed", "frame.retried", "frame.skipped"))
