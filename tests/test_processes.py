"""The end of a daemon's process: nothing below it is left, in whatever state it is."""

import subprocess
import sys

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
