"""The end of a daemon's process: nothing below it is left, in whatever state it is."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PARENT = """
import signal, subprocess, sys, time
from pathlib import Path
from multiprocessing import get_context, resource_tracker
from arwatch.platform.processes import end_all

LEAVE = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
ORPHAN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LEAVE!r}]).wait()"

if __name__ == "__main__":
    deaf = subprocess.Popen([sys.executable, "-c", LEAVE], stdout=subprocess.PIPE)
    above = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE)
    for child in (deaf, above):
        child.stdout.readline()
    deaf.send_signal(signal.SIGSTOP)
    get_context("forkserver").Process(target=time.sleep, args=(600,), daemon=True).start()
    below = {int(pid) for pid in Path(f"/proc/{above.pid}/task/{above.pid}/children").read_text().split()}
    print(len(below), end_all(20.0))
    print(sorted(pid for pid in below if Path(f"/proc/{pid}").exists()))
    deaf.returncode = above.returncode = -9
"""


def test_every_process_below_a_daemon_ends_with_it(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("1 []\n[]\n", "", 0)


HOLDER = """
import sys
import tempfile
from pathlib import Path
from multiprocessing import process
from arwatch.platform import processes
processes._have_folder_for_sockets()
print(process.current_process()._config["tempdir"], flush=True)
sys.stdin.read()
"""


def holder(folder):
    """Start a process that has its sockets below a folder; gives it, and its folder for them."""
    environment = os.environ | {"TMPDIR": str(folder)}
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    return started, Path(started.stdout.readline().strip())


@pytest.fixture
def short_folder():
    """A folder that is not too deep for sockets, as pytest's may be."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_what_a_killed_process_left_is_removed_at_the_next_start(short_folder):
    killed, left = holder(short_folder)
    alive, used = holder(short_folder)
    (short_folder / "arwatch-demo-12345678").mkdir()
    (short_folder / "arwatch-sockets-link").symlink_to(short_folder / "arwatch-demo-12345678")
    (left / "listener-x").touch()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    for folder in (left, used, short_folder / "arwatch-demo-12345678"):
        os.utime(folder, (0, 0))
    started, new = holder(short_folder)
    names = {"arwatch-demo-12345678", "arwatch-sockets-link"}
    assert {path.name for path in short_folder.iterdir()} == {used.name, new.name} | names
    for process in (alive, started):
        process.communicate("")
    assert {path.name for path in short_folder.iterdir()} == names
