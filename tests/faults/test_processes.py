"""Processes that are killed, stopped, doubled, or told to end."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from arwatch.simulate import arw_bytes
from end_to_end.programs import ARWATCH, PATIENCE_S, arwatch
from faults.harness import SETTINGS, SUFFIX, End, fault, frame, memory_group, needs_root

FEW = SETTINGS["workers"] | {"attempts": 2, "retry_s": 0.1}


@fault(End(fits=6), watch=SETTINGS["watch"] | {"settle_s": 0.5})
def test_power_cuts_at_every_step(night):
    """Killed after each step of a frame's life, and with an unfinished output left; started again each time."""
    night.stop_workers()  # it must not be written before
    night.put("seen.ARW")
    night.wait("frame.seen")
    night.kill()
    night.start()
    night.wait("frame.written", frame="seen.ARW")
    night.stop_workers()
    working, settled = night.put("working.ARW"), night.put("settled.ARW")
    night.until(lambda: {night.state_of(working), night.state_of(settled)} == {"working", "settled"})
    night.kill()
    (night.captures / ".arwatch-0123456789abcdef.tmp").write_bytes(b"half a FITS")
    night.put("came while it was dark.ARW")
    night.start()
    night.wait("frame.written", count=3)
    night.put("written.ARW")
    night.until((night.captures / f"written{SUFFIX}").exists)
    night.kill()
    night.start()
    night.put("the last.ARW")


@fault(End(fits=5), workers=FEW | {"timeout_s": 5.0})
def test_workers_that_die_or_hang(night):
    """Each costs an attempt of one frame at most."""
    night.put("before.ARW")
    night.wait("frame.written")
    for name, fate in (("killed", signal.SIGKILL), ("crashed", signal.SIGSEGV), ("hangs", None)):
        (worker,) = night.stop_workers()
        path = night.put(f"{name}.ARW")
        night.until(lambda path=path: night.state_of(path) == "working")
        if fate:
            worker.send_signal(fate)
            worker.resume()
        night.wait("frame.retried", frame=path.name)
        night.wait("frame.written", frame=path.name)
        assert night.rows()[str(path)][1] == 2
    (worker,) = night.workers()
    worker.kill()  # idle
    night.wait("worker.lost", count=4)
    night.put("after.ARW")
    assert not list(night.captures.glob(".arwatch-*.tmp"))


@fault(End(fits=2), workers=FEW)
def test_nobody_reads_the_log(night):
    """`2>&1 | head`: the daemon goes on, and can replace its workers."""
    home = night.home / "unread"
    home.mkdir()
    command = [*ARWATCH, "run", str(home), "--config", str(night.config)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    night.daemon.stop()
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as unread:
        while b"service.ready" not in unread.stderr.readline():
            pass
        unread.stderr.close()
        for path in (home / "a.ARW", home / "b.ARW"):
            path.write_bytes(frame())
            night.until(lambda path=path: night.state_of(path) == "written")
            for server in psutil.Process(unread.pid).children():
                for worker in server.children():
                    worker.kill()
        unread.terminate()
        assert unread.wait(PATIENCE_S) == 0
    night.start()


@fault(End(fits=3), workers=FEW | {"count": 2})
def test_the_fork_server_is_killed(night):
    night.put("before.ARW")
    night.wait("frame.written")
    for server in {worker.parent() for worker in night.workers()}:
        server.kill()
    night.put("a.ARW")
    night.put("b.ARW")


@fault(End(fits=3, failed={"worker_lost": 1}), workers=FEW | {"retry_s": 300.0})
def test_a_frame_that_kills_every_worker_is_given_up(night):
    """Each time it is given to a worker that is stopped already."""
    path = night.captures / "deadly.ARW"
    for attempt in (1, 2):
        night.put(f"before attempt {attempt}.ARW")
        night.wait("frame.written", count=attempt)
        (worker,) = night.stop_workers()
        if attempt == 1:
            night.put(path.name)
        else:
            night.let_retry()
        step = ("working", attempt)
        night.until(lambda step=step: night.rows().get(str(path), ())[:2] == step)
        worker.kill()
        night.wait("worker.lost", count=attempt)
    night.wait("frame.failed")
    night.put("after.ARW")


@fault(End(fits=1, failed={"memory": 1}), workers=FEW | {"memory_mib": 300})
def test_the_memory_bound(night):
    mosaic = np.random.default_rng(1).integers(500, 4000, (5000, 8000), np.uint16)
    night.put("large.ARW", arw_bytes(mosaic))
    night.wait("frame.failed")
    night.put("small.ARW")


@fault(End(fits=3), service={"stop_timeout_s": 1.0})
def test_sigterm_with_a_hanging_worker(night):
    """The frame is put back after the time limit, uncounted; the next start goes on."""
    night.stop_workers()
    paths = [night.put(f"{name}.ARW") for name in "abc"]
    night.wait("frame.settled", count=3)
    night.until(lambda: "working" in map(night.state_of, paths))
    assert night.daemon.stop() == 0
    assert [night.rows()[str(path)][:2] for path in paths] == [("settled", 0)] * 3
    night.start()


@fault(End(fits=2), service={"stop_timeout_s": 3600.0})
def test_a_second_interrupt_leaves_at_once(night):
    night.stop_workers()
    path = night.put("a.ARW")
    night.until(lambda: night.state_of(path) == "working")
    night.send(signal.SIGINT)
    night.wait("service.stopping")
    assert night.daemon.stop(signal.SIGINT) == 0
    assert list(night.captures.iterdir()) == [path]
    night.start()
    night.put("b.ARW")


@fault(End(fits=5))
def test_sighup(night):
    """Invalid settings change nothing; valid ones rule from the next frame on, new workers and folders included."""
    night.put("a.ARW")
    night.wait("frame.written")
    good = night.config.read_text()
    for bad in ("[watch]\nsettle_s = -1\n", "no toml", '[watch]\nfolders = ["~nobody_of_this_name/x"]\n',
                '[output]\nfolder = "a\\u0000b"\n'):  # fmt: skip
        told = len(night.daemon.named("service.reload_failed"))
        night.config.write_text(good.replace("[watch]", bad) if bad.startswith("[watch]") else bad)
        night.send(signal.SIGHUP)
        night.wait("service.reload_failed", count=told + 1)
    night.put("b.ARW")
    night.wait("frame.written", count=2)
    night.configure(output={"suffix": ".x" + SUFFIX}, workers=SETTINGS["workers"] | {"count": 2})
    night.send(signal.SIGHUP)
    night.wait("service.reloaded")
    for name in "cde":
        night.put(f"{name}.ARW")
    night.wait("frame.written", count=5)
    assert len(list(night.captures.glob("*.x" + SUFFIX))) == 3


@fault(End(fits=1), start=False)
def test_sighup_at_the_start(night):
    """Before the daemon is ready, and before it has read its settings."""
    night.start(ready=False)
    night.until(psutil.Process(night.daemon.process.pid).children, "the first process that the daemon starts")
    while not night.daemon.named("service.ready"):
        night.send(signal.SIGHUP)
        assert night.daemon.process.poll() is None, "SIGHUP ended the daemon"
        time.sleep(0.01)
    night.wait("service.reloaded")
    night.put("a.ARW")


@fault(End(fits=2))
def test_two_daemons(night):
    """The second says so and goes; a killed one leaves nothing that its successor would wait for."""
    other = arwatch("run", night.captures, env=os.environ | {"XDG_STATE_HOME": str(night.home / "other")})
    assert other.returncode == 75
    assert f"process {night.daemon.process.pid}" in other.stderr
    night.put("a.ARW")
    night.wait("frame.written")
    night.kill()
    night.start()
    night.put("b.ARW")


@needs_root
@fault(End(fits=2), start=False, workers=FEW)
def test_a_worker_that_the_kernel_ends_for_lack_of_memory(night):
    """Also where the kernel ends the process that starts workers."""
    with memory_group() as (group, limit):
        join = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
        night.start(before=join)
        night.put("before.ARW")
        night.wait("frame.written")
        (worker,) = night.stop_workers()
        path = night.put("meanwhile.ARW")
        night.until(lambda: night.state_of(path) == "working")
        Path(f"/proc/{worker.parent().pid}/oom_score_adj").write_text("1000")  # the kernel takes it first
        limit.write_text(str(700 << 20))
        hog = [sys.executable, "-c", "x = bytearray(1)\nwhile True: x += bytes(16 << 20)"]
        subprocess.run([*join, "timeout", "30", *hog], check=False)
        assert "for lack of memory" in night.wait("worker.lost")[0]["reason"]
        night.wait("frame.written", count=2)
        assert night.daemon.stop() == 0
    night.start()


@fault(End(fits=2), start=False, workers=FEW)
def test_a_folder_for_sockets_that_is_cleaned_away(night):
    """As /tmp is after ten quiet days: workers can be started all the same."""
    temporary = night.home / ("tmp" + "x" * 100)  # longer than a socket's path may be
    temporary.mkdir()
    night.start(before=["env", f"TMPDIR={temporary}"])
    night.put("before.ARW")
    night.wait("frame.written")
    shutil.rmtree(temporary)
    for worker in night.workers():
        worker.kill()
    night.put("after.ARW")
    night.wait("frame.written", count=2)


@fault(End(fits=1), workers=FEW)
def test_the_resource_tracker_is_killed(night):
    """Python replaces this companion of multiprocessing; the log is told nothing else than events."""
    children = psutil.Process(night.daemon.process.pid).children()
    (tracker,) = (child for child in children if "resource_tracker import main" in child.cmdline()[-1])
    tracker.kill()
    for worker in night.workers():
        worker.kill()
    night.wait("worker.lost")
    night.put("after.ARW")


@needs_root
@fault(End(fits=2))
def test_a_start_under_another_name_of_the_machine(night):
    """After kill -9, too: the machine's name says nothing of who watches."""
    night.put("a.ARW")
    night.wait("frame.written")
    night.kill()
    night.start(before=["unshare", "--uts", "sh", "-c", 'hostname another-name; exec "$@"', "sh"])
    night.put("b.ARW")


@fault(End(fits=3))
def test_others_who_lay_traps_for_locks(night):
    """A pipe or a hard link under the lock's name in a watched folder; the cache's lock kept by whoever may read it."""
    night.put("before.ARW")
    night.wait("frame.written")
    precious = night.home / "precious"
    precious.write_text("mine")
    lease = night.captures / ".arwatch.lock"
    for trap in (os.mkfifo, lambda path: os.link(precious, path)):
        lease.unlink(missing_ok=True)
        trap(lease)
        assert night.daemon.stop() == 0
        night.start()
    night.put("after.ARW")
    night.wait("frame.written", frame="after.ARW")
    lock = Path(os.environ["NUMBA_CACHE_DIR"]) / ".arwatch.lock"
    lock.touch()
    with lock.open() as stranger:
        fcntl.flock(stranger, fcntl.LOCK_SH)
        assert night.daemon.stop() == 0
        night.start()
        night.put("while locked.ARW")
        night.wait("frame.written", frame="while locked.ARW")
    assert precious.read_text() == "mine"


@fault(End(fits=31))
def test_live_frames_precede_a_backlog(night):
    (worker,) = night.stop_workers()
    for number in range(30):
        night.put(f"card{number:02}.ARW", frame(number % 3), taken=1e9 + 30.0 * number)
    night.wait("frame.settled", count=30)
    night.put("live.ARW")
    night.wait("frame.settled", frame="live.ARW")
    worker.resume()
    night.wait("frame.written", count=31)
    order = [event["frame"] for event in night.daemon.named("frame.written")]
    assert order.index("live.ARW") <= 1  # one was in work
