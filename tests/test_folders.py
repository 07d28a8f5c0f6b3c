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
from arwatch.settings import Settings, Watch

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


@pytest.mark.parametrize(
    ("code", "printed"),
    [(SERVE, "1 1"), (FLOOD, "True"), (REFUSED, "2 1"), (BROKEN, "True")],
    ids=["at-the-start", "again-and-again", "no-process", "a-folder-s-thread"],
)
def test_what_looks_at_folders_is_replaced_and_floods_no_log(tmp_path, code, printed):
    program = [sys.executable, "-c", LOOP + code, str(tmp_path)]
    out = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert out == f"{printed}\n"
