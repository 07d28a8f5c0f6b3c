from __future__ import annotations

import json

import pytest

from arwatch.commands.logs import rendered

WHEN = "2026-11-22T23:15:07+00:00"


def _entry(message: object, **fields: str) -> bytes:
    return json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": "1795389307000000", **fields}).encode()


def _event(name: str, **facts: object) -> str:
    return json.dumps({"time": WHEN, "level": "warning", "event": name, **facts})


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 -- only to make the zone known

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            _entry(_event("watch.lost", folder="/srv/captures", reason="the folder is not there")),
            "23:15:07 watch.lost      /srv/captures · the folder is not there",
        ),
        (
            _entry("Started arwatch.service.", SYSLOG_IDENTIFIER="systemd", PRIORITY="6"),
            "23:15:07 systemd         Started arwatch.service.",
        ),
        (
            _entry("Fatal Python error: Aborted", SYSLOG_IDENTIFIER="arwatch"),
            "23:15:07 arwatch         Fatal Python error: Aborted",
        ),
        (_entry(list(b"caf\xe9 \x1b[31m"), SYSLOG_IDENTIFIER="x"), "23:15:07 x               caf\ufffd \\x1b[31m"),
        (_entry(None, SYSLOG_IDENTIFIER="x"), "23:15:07 x"),
        (_entry('{"a": 1}', SYSLOG_IDENTIFIER="x"), '23:15:07 x               {"a": 1}'),
    ],
)
def test_entries_are_shown_as_in_a_terminal(entry: bytes, line: str) -> None:
    assert list(rendered([entry], colour=False)) == [line]


@pytest.mark.parametrize(("priority", "colour"), [("0", "\x1b[31m"), ("3", "\x1b[31m"), ("4", "\x1b[33m"), ("5", "")])
def test_priorities_have_the_colours_of_levels(priority: str, colour: str) -> None:
    (line,) = rendered([_entry("x", PRIORITY=priority)], colour=True)
    assert line.startswith(f"{colour}23:15:07")


def test_an_event_of_another_version_is_shown_raw() -> None:
    (line,) = rendered([_entry(_event("frame.written", frame="DSC00001.ARW"))], colour=False)
    assert "DSC00001.ARW" in line
