"""The folders in the loop, with the process that looks at them: in a program of its own, since it forks."""

from __future__ import annotations

import subprocess
import sys

import pytest

PATIENCE_S = 60.0
LOOP = """
import os, sys, time
from multiprocessing.connection import wait
from pathlib import Path
from arwatch.daemon import folder_thread, folders, looker, news
from arwatch.daemon.report import Report
from arwatch.model.job import Look
from arwatch.settings import Settings, Watch
from arwatch.work.disk import UNKNOWN

folder, told = Path(sys.argv[1]), []
report = Report(lambda event, **facts: told.append(event))
watched = folders.Folders(Settings(watch=Watch(folders=(str(folder),))))

def turn_until(event, count=1, within_s=60.0):
    deadline = time.monotonic() + within_s
    while told.count(event) < count and time.monotonic() < deadline:
        for _ in watched.news_of_frames(report):
            pass
        nap = watched.sleep()
        wait(watched.handles(), 1.0 if nap is None else nap)
    return told.count(event)

def once(broken, mended):
    def first(*arguments):
        setattr(*mended)
        broken(*arguments)
    return first

def no_process(*_):
    raise OSError(12, "Cannot allocate memory")

"""
"""The service's loop, as far as it is about folders."""
SERVE = (
    "serve = looker._Looking.serve; looker._Looking.serve = lambda self: None; watched.begin();"
    " looker._Looking.serve = serve; print(turn_until('watch.failed'), turn_until('watch.returned'))"
)
FLOOD = "looker._Looking.serve = sys.exit; watched.begin(); print(turn_until('watch.failed', 100, within_s=1.0) < 5)"
REFUSED = (
    "fork = os.fork; watched.begin(); os.fork = once(no_process, (os, 'fork', fork)); os.kill(watched._looker.pid, 9);"
    " print(turn_until('watch.failed', 2), turn_until('watch.returned'))"
)
BROKEN = (
    "folder_thread.FolderThread._check = no_process; watched.begin();"
    " print(turn_until('watch.failed', 100, within_s=1.0) < 5)"
)


LEFT = """
watched.begin()
left = folder / "left"
watched.apply(Settings(watch=Watch(folders=(str(folder), str(left)))))
watched.apply(Settings(watch=Watch(folders=(str(folder),))))
watched._early.clear()
watched._early += [
    news.State(left, 60.0, UNKNOWN), news.Missing(left, "gone"), news.Writable(left, "full"), news.Broke(left, "why"),
    *(news.Sighted(path, Look(1, 1), careful=False) for path in (left.parent.parent / "a.ARW", folder / "b.ARW")),
]
taken = []
while watched._early:
    taken += [item.path.name for item in watched.news_of_frames(report) if isinstance(item, news.Sighted)]
print([event for event in told if event != 'watch.started'], taken, watched.troubles(), watched.close())
"""


def test_what_was_on_its_way_from_a_folder_that_was_left_is_dropped(tmp_path):
    (tmp_path / "night").mkdir()
    program = [sys.executable, "-c", LOOP + LEFT, str(tmp_path / "night")]
    out = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert out == "[] ['b.ARW'] [] []\n"


@pytest.mark.parametrize(
    ("code", "printed"),
    [(SERVE, "1 1"), (FLOOD, "True"), (REFUSED, "2 1"), (BROKEN, "True")],
    ids=["at-the-start", "again-and-again", "no-process", "a-folder-s-thread"],
)
def test_what_looks_at_folders_is_replaced_and_floods_no_log(tmp_path, code, printed):
    program = [sys.executable, "-c", LOOP + code, str(tmp_path)]
    out = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert out == f"{printed}\n"
