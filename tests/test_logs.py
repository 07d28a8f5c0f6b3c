"""`arwatch logs`: what it asks journalctl for, and what it makes of the answer.

Here a small program stands in for journalctl, as only a booted systemd has a journal; `end_to_end/test_systemd.py` asks
the real one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from arwatch.commands import logs
from arwatch.commands.logs import JournalError, Wanted, events, show
from arwatch.telling.console import Renderer

WHEN = "2026-11-22T23:15:07+00:00"

JOURNALCTL = """#!{python}
import json, os, sys
from pathlib import Path
here = Path(__file__).parent
options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
with (here / "asked").open("a") as asked:
    print(*sys.argv[1:], file=asked)
if options.get("since") == "tomorow":
    sys.exit("Failed to parse timestamp: tomorow")
entries = (here / "journal").read_text().splitlines()
if (here / "closed").exists():
    print("Hint: You are currently not seeing messages from other users and the system.", file=sys.stderr)
    sys.exit("No journal files were opened due to insufficient permissions.")
if "after-cursor" in options:
    entries = entries[int(options["after-cursor"]) + 1:]
if "priority" in options:
    entries = [entry for entry in entries if int(json.loads(entry)["PRIORITY"]) <= int(options["priority"])]
if "lines" in options:
    entries = entries[len(entries) - int(options["lines"]):]
for entry in entries[::-1] if "reverse" in options else entries:
    print(entry)
"""


def _entry(message: object, **fields: str) -> bytes:
    return json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": "1795389307000000", **fields}).encode()


def _event(name: str, level: str = "warning", **facts: object) -> str:
    return json.dumps({"time": WHEN, "level": level, "event": name, **facts})


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 -- only to make the zone known

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


class Journal:
    """A journal of these entries, read by the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        (folder / "journal").touch()

    def add(self, name: str, level: str = "info", **facts: object) -> None:
        entry = _entry(
            _event(name, level, **facts),
            PRIORITY={"info": "6", "warning": "4", "error": "3"}[level],
            __CURSOR=str(self.count),
        )
        with (self.folder / "journal").open("ab") as file:
            file.write(entry + b"\n")
        self.count += 1

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    program = tmp_path / "journalctl"
    program.write_text(JOURNALCTL.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Journal(tmp_path)


@pytest.fixture
def night(journal: Journal) -> Journal:
    journal.add("service.started", folder=["/c"])
    for number in range(1, 31):
        frame = f"DSC{number:05}.ARW"
        journal.add("frame.seen", frame=frame)
        journal.add("frame.settled", frame=frame)
        if number == 7:
            journal.add("frame.failed", "error", frame=frame, reason="rows are blank")
        elif number == 9:
            journal.add("frame.retried", "warning", frame=frame, reason="Input/output error")
        else:
            journal.add("frame.written", frame=frame)
    journal.add("disk.low", "warning", folder="/c")
    return journal


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            _entry(_event("watch.lost", folder="/srv/captures", reason="the folder is not there")),
            "23:15:07 watch.lost    ! /srv/captures · the folder is not there",
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
        (_entry(_event("frame.written", "info", frame="a.ARW")), "23:15:07 frame.written   a.ARW 0.0s work"),
        (_entry(_event("frame.dreamt_of", "info", frame="a.ARW")), "23:15:07 frame.dreamt_of a.ARW"),
        (_entry("gone", SYSLOG_IDENTIFIER="x", PRIORITY="0"), "23:15:07 x             ✗ gone"),
        (_entry("hm", SYSLOG_IDENTIFIER="x", PRIORITY="4"), "23:15:07 x             ! hm"),
        (_entry("well", SYSLOG_IDENTIFIER="x", PRIORITY="5"), "23:15:07 x               well"),
    ],
)
def test_entries_are_shown_as_in_a_terminal(entry: bytes, line: str) -> None:
    (event,) = events([entry])
    assert Renderer(colour=False).text(event) == f"2026-11-22\n{line}"


def test_half_an_entry_is_none() -> None:
    assert list(events([b'{"MESSAGE": "x', b"\n"])) == []


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give the names of what was shown below the date."""
    lines = capsys.readouterr().out.splitlines()
    return [line.replace("✗ ", "").replace("! ", "")[9:].partition(" ")[0] for line in lines[1:]]


def test_the_newest_lines_are_counted_as_people_see_them(night: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(Wanted(unit="arwatch", lines=5), follow=False) == 0
    assert shown(capsys) == ["frame.written"] * 4 + ["disk.low"]
    show(Wanted(unit="arwatch"), follow=False)
    assert len(shown(capsys)) == 20
    show(Wanted(unit="arwatch", lines=0), follow=False)
    assert capsys.readouterr() == ("", "")
    show(Wanted(unit="arwatch", since="20:00"), follow=False)
    assert len(shown(capsys)) == 32
    assert "--since=20:00" in night.asked[-1]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"failed": True}, ["frame.failed", "frame.retried"]),
        ({"priority": "warning"}, ["frame.failed", "frame.retried", "disk.low"]),
        ({"priority": "error"}, ["frame.failed"]),
        ({"priority": "error", "failed": True}, ["frame.failed"]),
        ({"priority": "debug", "lines": 3}, ["frame.settled", "frame.written", "disk.low"]),
    ],
)
def test_what_was_not_well(
    night: Journal, capsys: pytest.CaptureFixture[str], filters: dict[str, str], names: list[str]
) -> None:
    assert night.count
    assert show(Wanted(unit="arwatch", **filters), follow=False) == 0  # type: ignore[arg-type]
    assert shown(capsys) == names


def test_what_comes_later_is_followed(
    night: Journal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logs._history  # between the past and what comes

    def history_then_news(*args: object) -> object:
        past = before(*args)  # type: ignore[arg-type]
        night.add("frame.seen", frame="DSC00031.ARW")
        night.add("frame.failed", "error", frame="DSC00031.ARW", reason="x")
        night.add("service.stopped")
        return past

    monkeypatch.setattr(logs, "_history", history_then_news)
    assert show(Wanted(unit="arwatch", lines=1), follow=True) == 0
    assert shown(capsys) == ["disk.low", "frame.failed", "service.stopped"]
    assert show(Wanted(unit="arwatch", lines=0, failed=True), follow=True) == 0
    assert shown(capsys) == ["frame.failed"], "once: nothing of before, and what came since"


def test_nothing_that_matches_is_said(night: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        night.add("service.started", number=number)
    (night.folder / "journal").write_text((night.folder / "journal").read_text().splitlines()[0] + "\n")
    assert show(Wanted(unit="arwatch@north", failed=True), follow=True) == 0
    assert capsys.readouterr() == ("", "nothing of arwatch@north.service matches yet\n")


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize(
    ("files", "user", "says"),
    [
        ([], False, "journal is empty: see whether it is kept at all: systemctl status systemd-journald"),
        (["m/system.journal"], False, "see whether it is installed and was started: systemctl status arwatch.service"),
        (["m/system@0005-0006.journal~"], True, "systemctl --user status arwatch.service"),
        (["m/user-{uid}.journal"], True, "systemctl --user status arwatch.service"),
        (["m/user-{uid}.journal"], False, "may not read the journal of arwatch.service: sudo usermod -aG systemd-jour"),
    ],
)
def test_a_journal_that_is_empty_or_not_to_be_read_is_explained_at_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, *, files: list[str], user: bool, says: str, follow: bool
) -> None:
    for file in files:
        path = journal.folder / "journals" / file.format(uid=os.getuid())
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(logs, "JOURNALS", (journal.folder / "journals",))
    for closed in (False, True):
        if closed:
            (journal.folder / "closed").touch()
        with pytest.raises(JournalError) as error:
            show(Wanted(unit="arwatch", user=user), follow=follow)
        assert says in str(error.value)
    assert not any("--follow" in asked for asked in journal.asked)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir(mode=0o000)
    assert "usermod -aG systemd-journal" in logs._why_nothing(Wanted(unit="arwatch"), [tmp_path])


def test_a_time_that_is_none_is_explained(night: Journal) -> None:
    assert night.count
    with pytest.raises(JournalError, match=r"^Failed to parse timestamp: tomorow \(journalctl\): write 21:30"):
        show(Wanted(unit="arwatch", since="tomorow"), follow=True)


def test_without_a_journal_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JournalError, match="no systemd journal here"):
        show(Wanted(unit="arwatch"), follow=False)
