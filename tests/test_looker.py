"""The process that looks at folders: orders in, news out, and its end whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from arwatch.daemon import lease

PATIENCE_S = 60.0
DAEMON = """
import os, sys, time
from pathlib import Path
from arwatch.daemon.looker import Ask, Leave, LookAt, Looker
from arwatch.daemon.news import Broke, Missing, Present, Sighted, State
from arwatch.settings import Watch
folder = Path(sys.argv[1])
kept = open(sys.executable)
looker = Looker()
print(looker.pid, flush=True)
looker.order(LookAt(folder, Watch(folders=(str(folder),), settle_s=0.0), ".fits"))

def wait(kind):
    while True:
        assert looker.pipe.poll(60), kind
        news = looker.news()
        if isinstance(news, kind):
            return news

"""
"""A program that has the looker: a fork, and therefore not the tests' own process with its threads."""


AGAIN = "looker.order(LookAt(folder, Watch(folders=(str(folder),)), '.fits'))"
BROKEN = (
    "import psutil; threads = psutil.Process(looker.pid); before = threads.num_threads();"
    " looker.order(Ask(folder, 'measure', (1,))); wait(Broke)"
)
OTHER = "looker.order(LookAt(folder / 'none'))"


def run(folder: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DAEMON + code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("wait(Present); print(wait(Sighted).path.name, looker.close())", "a.ARW True"),
        ("print(wait(State).free.bytes > 0, looker.close())", "True True"),
        ("looker.order(Ask(folder, 'measure', (1,))); print('TypeError' in wait(Broke).evidence)", "True"),
        (f"wait(Present); looker.order(Leave(folder)); {OTHER}; print(wait(Missing).folder.name)", "none"),
        (
            f"wait(Present); looker.order(Leave(folder)); {AGAIN}; wait(Present); print(sorted(os.listdir(folder)))",
            "['.arwatch.lock', 'a.ARW']",
        ),
        (f"wait(Present); {BROKEN}; {AGAIN}; wait(Present); print(threads.num_threads() - before)", "0"),
        ("os.kill(looker.pid, 9)\ntry:\n    wait(())\nexcept EOFError:\n    print('ended')", "ended"),
    ],
    ids=["frames", "states", "wrong-order", "leave", "anew", "broken", "killed"],
)
def test_orders_and_news(tmp_path, code, told):
    (tmp_path / "a.ARW").write_bytes(b"x")
    out, _ = run(tmp_path, code).communicate(timeout=PATIENCE_S)
    assert out.split("\n")[1] == told


def test_it_dies_with_the_daemon_and_its_lease_is_the_daemon_s(tmp_path):
    daemon = run(tmp_path, "wait(Present); print('there', flush=True); time.sleep(600)")
    looker = psutil.Process(int(daemon.stdout.readline()))
    assert daemon.stdout.readline() == "there\n"
    with pytest.raises(lease.LeaseError, match=f"process {daemon.pid} "):
        lease.acquire(tmp_path)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait(PATIENCE_S)
    looker.wait(PATIENCE_S)
    lease.acquire(tmp_path)
    daemon.stdout.close()
    daemon.stdin.close()


def held_open(pid: int) -> list[str]:
    """Give what a process has open; a thread of it may close a folder meanwhile."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(entry.readlink()))
    return links


def test_it_holds_nothing_open_of_the_daemon(tmp_path):
    daemon = run(tmp_path, "wait(Present); print('there', flush=True); time.sleep(600)")
    looker = int(daemon.stdout.readline())
    assert daemon.stdout.readline() == "there\n"
    kept = os.path.realpath(sys.executable)
    assert kept in held_open(daemon.pid)
    links = held_open(looker)
    assert kept not in links
    assert sum(link.startswith("socket:") for link in links) == 1, "its end of the pipe, and no other of the daemon's"
    daemon.kill()
    daemon.communicate()
