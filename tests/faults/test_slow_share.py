"""Shares that are slow, or do not answer at all: they hold up their own frames and nothing else."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from faults.failing_fs import SOUND, Faults, needs_fuse
from faults.harness import SETTINGS, End, fault

HANGS = Faults(hangs=True)
WATCHDOG_S = 8.0
STOP_S = 4.0
PROMPT_S = 20.0
"""Within which a frame of a sound folder must be written on a machine that has other things to do, too."""
SHORT = {"stop_timeout_s": STOP_S}


@contextmanager
def listening(night, monkeypatch):
    """Be the service manager; gives the times at which the daemon said that it lives."""
    address = str(night.home / "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(0.2)
    beats, done = [], threading.Event()

    def listen():
        while not done.is_set():
            try:
                message = manager.recv(65536)
            except TimeoutError:
                continue
            if b"WATCHDOG=1" in message:
                beats.append(time.monotonic())

    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_S * 1e6)))
    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield beats
    finally:
        done.set()
        listener.join()
        manager.close()


def written_promptly(night, name):
    """Bring a frame into the sound folder; it must not have to wait for the other one."""
    night.put(name)
    began = time.monotonic()
    night.wait("frame.written", frame=name)
    assert time.monotonic() - began < PROMPT_S


def stopped_promptly(night):
    """Stop the daemon; its log stays open as long as the share holds the process that looks at it."""
    night.send(signal.SIGTERM)
    assert night.daemon.process.wait(STOP_S + PROMPT_S) == 0


@needs_fuse
@fault(End(fits=83), start=False)
def test_a_slow_share_holds_up_only_its_own_frames(night):
    """80 frames at 25 ms a look: seconds for each scan, and more while they settle."""
    share, disk = night.share()
    for number in range(80):
        night.put(f"S{number:03}.ARW", folder=share)
    disk.set(Faults(delay_s=0.025))
    with pytest.MonkeyPatch.context() as patched, listening(night, patched) as beats:
        night.start()
        for number in range(3):
            written_promptly(night, f"DSC{number}.ARW")
        night.wait("frame.written", count=15)
    disk.set(SOUND)
    night.until(night.ended, "the end of every frame")
    gaps = [after - before for before, after in itertools.pairwise(beats)]
    assert max(gaps) < WATCHDOG_S, "the loop waited for the share"
    assert not night.daemon.named("watch.stalled"), "slow is not dead"


@needs_fuse
@fault(End(fits=4), start=False, service=SHORT)
def test_a_share_that_hangs_is_told_once_and_its_frames_go_on_when_it_answers(night):
    share, disk = night.share()
    night.start()
    night.put("S1.ARW", folder=share)
    night.wait("frame.written", frame="S1.ARW")
    path = night.put("S2.ARW", folder=share)
    night.wait("frame.seen", frame="S2.ARW")
    disk.set(HANGS)
    with pytest.MonkeyPatch.context() as patched, listening(night, patched):
        night.wait("watch.stalled", folder=str(share))
        written_promptly(night, "DSC1.ARW")
        written_promptly(night, "DSC2.ARW")
    disk.set(SOUND)
    night.wait("watch.returned", folder=str(share))
    night.until(lambda: night.state_of(path) == "written")
    assert len(night.daemon.named("watch.stalled")) == 1


@needs_fuse
@fault(End(fits=2), start=False, service=SHORT)
def test_sigterm_while_a_share_hangs(night):
    """It ends in time, says what the kernel has to end, and the next start finds everything."""
    share, disk = night.share()
    night.start()
    night.put("DSC1.ARW")
    night.wait("frame.written")
    disk.set(HANGS)
    night.frames.add(share / "S1.ARW")
    night.expected_ends[share / "S1.ARW"] = 1
    night.wait("watch.stalled")
    stopped_promptly(night)
    (end,) = night.wait("service.stopped")
    assert end["left_behind"] == [str(share)]
    disk.set(SOUND)
    night.put("S1.ARW", folder=share)
    night.start()
    night.wait("frame.written", frame="S1.ARW")


@needs_fuse
@fault(End(fits=1), start=False, service=SHORT)
def test_a_start_while_a_share_hangs(night):
    """The other folder is watched; SIGTERM is heeded."""
    _, disk = night.share()
    disk.set(HANGS)
    night.start()
    written_promptly(night, "DSC1.ARW")
    night.wait("watch.stalled")
    stopped_promptly(night)
    disk.set(SOUND)
    night.start()


@needs_fuse
@fault(End(fits=2), start=False, workers=SETTINGS["workers"] | {"timeout_s": 3600.0})
def test_a_worker_that_a_share_holds_is_taken_from_it(night):
    """The only worker reads a frame of a share that stops answering: the frame goes back, another is processed."""
    share, disk = night.share()
    night.start()
    (worker,) = night.stop_workers()
    path = night.put("S1.ARW", folder=share)
    night.until(lambda: night.state_of(path) == "working")
    disk.set(HANGS)
    worker.resume()
    night.wait("watch.stalled")
    written_promptly(night, "DSC1.ARW")
    disk.set(SOUND)
    night.wait("frame.written", frame="S1.ARW")


@needs_fuse
@fault(End(fits=2), start=False)
def test_the_process_that_looks_at_folders_is_replaced(night):
    night.start()
    night.put("a.ARW")
    night.wait("frame.written")
    os.kill(night.looker().pid, signal.SIGKILL)
    night.wait("watch.failed")
    night.put("b.ARW")
    night.wait("frame.written", frame="b.ARW")
