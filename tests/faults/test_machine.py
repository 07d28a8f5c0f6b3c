"""Disks that are full, folders that come and go, ledgers that break, events that are lost."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from faults.harness import EVENTS_ONLY, SETTINGS, End, fault, frame, needs_root


def fill(folder):
    """Take all the room that a small file system has left; gives the file that has it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@needs_root
@fault(End(fits=4), start=False)
def test_a_full_disk_is_waited_for(night):
    """Foreseen: one event, frames are received and wait. Not foreseen: the write fails and leaves nothing behind."""
    night.mount(night.captures)
    night.start()
    night.put("first.ARW")
    night.wait("frame.written")
    (worker,) = night.stop_workers()
    path = night.put("in work.ARW")
    night.until(lambda: night.state_of(path) == "working")
    filler = fill(night.captures)
    worker.resume()
    night.wait("disk.low")
    assert not list(night.captures.glob(".arwatch-*.tmp"))
    os.truncate(filler, filler.stat().st_size - (300 << 10))  # room for frames, not for their outputs
    night.put("waits.ARW")
    night.put("waits, too.ARW")
    night.wait("frame.settled", count=4)
    filler.unlink()
    night.wait("disk.resumed")
    assert len(night.daemon.named("disk.low")) == 1


@needs_root
@fault(End(fits=2), start=False)
def test_a_disk_that_can_hold_no_more_files(night):
    """There are bytes enough, but no inodes: that is told as what it is, and waited for."""
    night.mount(night.captures, "8m,nr_inodes=40")
    night.start()
    night.put("first.ARW")
    night.wait("frame.written")
    (worker,) = night.stop_workers()
    path = night.put("second.ARW")
    night.until(lambda: night.state_of(path) == "working")
    fillers = []
    with contextlib.suppress(OSError):
        for number in range(40):
            fillers.append(night.captures / f"filler{number}")
            fillers[-1].touch()
    worker.resume()
    assert "df -i" in night.wait("disk.low")[0]["reason"]
    night.kill()
    night.start()
    assert "df -i" in night.wait("disk.low")[0]["reason"]
    for filler in fillers:
        filler.unlink(missing_ok=True)
    night.wait("disk.resumed")


def fill_under_the_ledger(night):
    """Fill the ledger's disk after one frame and bring another; gives the file to remove."""
    night.mount(night.state, "1m")
    night.start()
    night.put("before.ARW")
    night.wait("frame.written")
    filler = fill(night.state)
    night.put("while full.ARW")
    return filler


@needs_root
@fault(End(fits=3), start=False)
def test_a_full_disk_under_the_ledger(night):
    filler = fill_under_the_ledger(night)
    night.put("while full, too.ARW")
    night.wait("ledger.failed")
    filler.unlink()


@needs_root
@fault(End(fits=3), start=False)
def test_sigterm_and_a_start_with_a_full_disk_under_the_ledger(night):
    """It says so and ends; once there is room the next start goes on; the ledger is not set aside."""
    filler = fill_under_the_ledger(night)
    night.wait("ledger.failed")
    assert night.daemon.stop() == 0
    night.start(ready=False)
    night.until(lambda: night.daemon.process.poll() is not None or night.daemon.named("service.ready"))
    filler.unlink()
    if night.daemon.process.poll() is not None:
        night.wait("service.failed")
        night.start()
    night.put("after.ARW")
    night.wait("frame.written", frame="after.ARW")
    assert not [life for life in night.lives if life.named("ledger.set_aside")]


@fault(End(fits=3), watch=EVENTS_ONLY)
def test_a_folder_that_is_moved_away_and_returns(night):
    night.put("before.ARW")
    night.wait("frame.written")
    away = night.home / "away"
    night.captures.rename(away)
    night.wait("watch.lost")
    (away / "meanwhile.ARW").write_bytes(frame(2))
    away.rename(night.captures)
    night.frames.add(night.captures / "meanwhile.ARW")
    night.expected_ends[night.captures / "meanwhile.ARW"] = 1
    night.wait("watch.returned")
    night.wait("frame.written", count=2)
    night.put("after.ARW")
    night.wait("frame.written", count=3)
    assert len(night.daemon.named("watch.lost")) == 1


@fault(End(fits=2), start=False, watch=EVENTS_ONLY)
def test_a_folder_that_is_not_there_yet(night):
    night.captures.rmdir()
    night.start()
    night.wait("watch.lost")
    night.captures.mkdir()
    stale = night.captures / ".arwatch-00.tmp"
    stale.write_text("of a power cut")
    night.put("a.ARW")
    night.wait("frame.written")
    night.put("b.ARW")
    night.wait("frame.written", count=2)


@needs_root
@fault(End(fits=1), start=False, watch=EVENTS_ONLY)
def test_a_disk_that_is_unmounted_and_mounted_again(night):
    """Nothing of the daemon keeps it busy; it is told as lost; another disk in its place is watched."""
    night.mount(night.captures)
    night.start()
    first = night.put("on the first disk.ARW")
    night.wait("frame.written")
    night.frames.remove(first)
    subprocess.run(["umount", night.captures], check=True)
    night.wait("watch.lost")
    night.mount(night.captures)
    night.until(lambda: os.path.lexists(night.captures / ".arwatch.lock"), "the lease on the second disk")
    night.put("on the second disk.ARW")
    night.wait("frame.written", count=2)


@fault(End(fits=20), watch=EVENTS_ONLY)
def test_a_burst_that_overflows_the_kernel_s_queue(night):
    looker = night.looker()
    looker.suspend()
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for count in range(limit + 100):  # neighbours of one kind would be counted as one event
        Path(night.captures / f"junk{count % 2}").write_bytes(b"")
    for count in range(20):
        night.put(f"DSC{count:05}.ARW")
    looker.resume()
    night.wait("watch.overflowed")
    night.wait("frame.written", count=20)


FLOOD = """
import os, sys
for number in range(5000):
    path = f"{sys.argv[1]}/junk{number}.ARW"
    open(path, "w").close()
    os.unlink(path)
"""
NOISE = 450
"""Lines that the log may have of it: a burst for each of two events, and one a second from then on."""


@fault(End(fits=6), watch=EVENTS_ONLY)
def test_a_flood_of_names_that_come_and_go(night):
    """Frames in the same folder are all found, and the log stays readable."""
    with subprocess.Popen([sys.executable, "-c", FLOOD, night.captures]) as flood:
        for number in range(6):
            night.put(f"DSC{number:05}.ARW")
        assert flood.wait() == 0
    night.wait("frame.written", count=6)
    told = [event for event in night.daemon.events if "junk" in event.get("frame", "")]
    assert len(told) < NOISE


@fault(End(fits=2, failed={"not_raw": 1}))
def test_a_ledger_that_is_deleted(night):
    """While it is in use, and before a start: rebuilt from the folder and its outputs, nothing is done twice."""
    night.put("a.ARW")
    night.put("bad.ARW", b"no raw file", ends=2)
    night.wait("frame.written")
    night.wait("frame.failed")
    shutil.rmtree(night.state)
    night.put("b.ARW")
    night.wait("frame.written", count=2)
    assert night.daemon.stop() == 0
    night.start()
    night.wait("ledger.created")
    night.wait("frame.skipped", count=2)
    night.wait("frame.failed")


@fault(End(fits=4))
def test_a_ledger_that_is_corrupt(night):
    """Before a start it is set aside, rebuilt, and told; damage in use costs nothing either.

    Whether damage in use is written over, or found at once, or at the next start, is SQLite's affair: in the end the
    ledger is sound, knows every frame, and each one that was set aside has been told and kept.
    """
    night.put("a.ARW")
    night.wait("frame.written")
    assert night.daemon.stop() == 0
    (night.state / "ledger.sqlite").write_bytes(b"garbage" * 5000)
    night.start()
    night.wait("ledger.set_aside")
    night.wait("frame.skipped")
    for file in night.state.glob("ledger.sqlite*"):
        with file.open("r+b") as damaged:
            damaged.write(os.urandom(file.stat().st_size))
    night.put("b.ARW")
    night.put("c.ARW")
    night.wait("frame.written", count=2)
    assert night.daemon.stop() == 0
    night.start()
    night.put("d.ARW")
    night.wait("frame.written", frame="d.ARW")
    night.until(night.ended)
    with contextlib.closing(sqlite3.connect(night.state / "ledger.sqlite")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {Path(path).name for path in night.rows()} == {"a.ARW", "b.ARW", "c.ARW", "d.ARW"}
    told = [event["reason"] for life in night.lives for event in life.named("ledger.set_aside")]
    kept = {path.name for path in night.state.glob("ledger.*.unreadable")}
    assert kept
    assert set(re.findall(r"kept as (\S+),", "\n".join(told))) == kept
    assert not [life for life in night.lives if life.named("frame.failed")]


@fault(End(fits=2))
def test_a_ledger_that_is_locked(night):
    """By a backup, for longer than it is waited for: nothing is set aside, nothing is lost."""
    night.put("a.ARW")
    night.wait("frame.written")
    with contextlib.closing(sqlite3.connect(night.state / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        night.put("b.ARW")
        night.wait("ledger.failed")
        other.execute("ROLLBACK")
    night.wait("frame.written", count=2)
    assert not night.daemon.named("ledger.set_aside")


@fault(End(fits=1), workers=SETTINGS["workers"] | {"retry_s": 300.0})
def test_a_clock_that_is_set_back(night):
    """What was to be tried again at a time of the wrong clock is tried at once."""
    (worker,) = night.stop_workers()
    path = night.put("a.ARW")
    night.until(lambda: night.state_of(path) == "working")
    worker.kill()
    night.wait("frame.retried")
    night.kill()
    with contextlib.closing(sqlite3.connect(night.state / "ledger.sqlite", isolation_level=None)) as ledger:
        ledger.execute("UPDATE queue SET not_before = not_before + 1e6")
    night.start()
