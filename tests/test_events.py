"""The closed list of events, and the documentation that tells it."""

from pathlib import Path

from arwatch.telling.events import EVENTS, LEVELS

TABLE = Path(__file__).parent.parent / "README.md"
"""Where users find the table of events."""


def test_the_documentation_has_every_event_and_no_other():
    text = TABLE.read_text(encoding="utf-8")
    assert "@" not in text.replace("arwatch@", ""), "a place that was not filled in"
    told = text.partition("| event | level | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert told == [f"| `{name}` | {kind.level} | {kind.meaning} |" for name, kind in EVENTS.items()]


def test_what_people_are_not_shown_or_are_spared_is_no_failure():
    for name, kind in EVENTS.items():
        assert not (kind.step and LEVELS[kind.level] > LEVELS["info"]), name
    assert not any(EVENTS[name].noisy for name in ("frame.written", "frame.failed", "frame.retried", "frame.skipped"))
