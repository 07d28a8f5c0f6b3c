"""Real folders, real events; the tests wait for the watcher's call, not for time."""

import errno
import logging
import os
import shutil
import subprocess
import sys
import threading

import psutil
import pytest
from watchdog.observers.api import EventEmitter

from arwatch.daemon.watch import Watcher
from arwatch.errors import ArwatchError
from arwatch.platform.fs import file_system, look, scan
from arwatch.settings import Watch

PATIENCE_S = 30.0


class Woken:
    def __init__(self):
        self.event = threading.Event()

    def __call__(self):
        self.event.set()

    def wait_until(self, condition):
        """Give the condition's first true value; it is asked after each call of the watcher."""
        while not (found := condition()):
            assert self.event.wait(PATIENCE_S), "the watcher did not call"
            self.event.clear()
        return found


@pytest.fixture(params=["native", "polling"])
def watched(request, tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    woken = Woken()
    watcher = Watcher(
        Watch(folders=(str(folder),), observer=request.param, recursive=True),
        ".bkg_subtracted.fits",
        wake=woken,
        claim=lambda _folder: None,
    )
    (change,) = watcher.check()
    assert change == (folder, "started", request.param)
    yield folder, watcher, woken
    watcher.close()


def sightings(watcher, woken, expected):
    seen = set()

    def complete():
        seen.update(watcher.take().frames)
        return seen >= expected

    woken.wait_until(complete)
    return seen


def test_arrivals_are_sighted_and_nothing_else(watched, tmp_path):
    folder, watcher, woken = watched
    (folder / ".hidden.ARW").write_bytes(b"x")
    (folder / "a.bkg_subtracted.fits").write_bytes(b"x")
    (folder / "a.ARW").write_bytes(b"x")
    (folder / "a.part").write_bytes(b"x")
    (folder / "a.part").rename(folder / "b.arw")
    (tmp_path / "c.ARW").write_bytes(b"x")
    (tmp_path / "c.ARW").rename(folder / "c.ARW")
    (folder / ".Trash-1000").mkdir()
    (folder / ".Trash-1000" / "d.ARW").write_bytes(b"x")
    (folder / "z.ARW").write_bytes(b"x")
    expected = {folder / name for name in ("a.ARW", "b.arw", "c.ARW", "z.ARW")}
    assert sightings(watcher, woken, expected) == expected


def test_a_new_folder_asks_for_a_scan(watched):
    folder, watcher, woken = watched
    (folder / "card").mkdir()
    taken = woken.wait_until(lambda: (t := watcher.take()).scan and t)
    assert not taken.lost
    (folder / "card" / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "card" / "a.ARW"})


def test_a_folder_that_vanishes_is_told_once_and_watched_again_when_it_returns(watched):
    folder, watcher, woken = watched
    away = folder.with_name("away")
    folder.rename(away)
    (change,) = watcher.check()
    assert change.what == "lost"
    assert list(watcher.check()) == []
    away.rename(folder)
    (change,) = watcher.check()
    assert change.what == "returned"
    (folder / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "a.ARW"})


def test_another_folder_under_the_same_name_is_told_and_watched(watched):
    folder, watcher, woken = watched
    folder.rename(folder.with_name("the one before"))
    folder.mkdir()
    assert [(change.folder, change.what) for change in watcher.check()] == [(folder, "lost"), (folder, "returned")]
    (folder / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "a.ARW"})


def test_a_folder_that_is_removed_and_made_again_is_watched(watched):
    """Most file systems give the new one the old one's number, so that only renewing the watch helps."""
    folder, watcher, woken = watched
    shutil.rmtree(folder)
    folder.mkdir()
    assert [change.what for change in watcher.check(renew=True)] in ([], ["lost", "returned"])
    (folder / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "a.ARW"})


def test_lost_events_ask_for_a_scan_at_once(watched):
    _, watcher, woken = watched
    watcher.take()
    # watchdog's words; that the kernel's queue really overflows is among the faults
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")
    assert woken.wait_until(lambda: (t := watcher.take()).scan and t.lost)


def test_an_observer_whose_thread_died_is_replaced(watched):
    folder, watcher, woken = watched
    watcher.take()
    threading.Thread(target=lambda: {}.pop("a folder that is not in watchdog's books")).start()
    woken.wait_until(lambda: watcher.take().lost)
    before = set(threading.enumerate())
    assert list(watcher.check()) == []
    assert set(threading.enumerate()) - before, "no new threads"
    (folder / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "a.ARW"})


def test_an_observer_that_cannot_be_stopped_is_left_behind(watched, monkeypatch):
    folder, watcher, woken = watched
    with monkeypatch.context() as patched:
        patched.setattr(EventEmitter, "stop", lambda _: {}.pop("a folder that is not in watchdog's books"))
        assert list(watcher.check(renew=True)) == []
    (folder / "a.ARW").write_bytes(b"x")
    sightings(watcher, woken, {folder / "a.ARW"})


def test_an_observer_that_cannot_be_started_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_room(_emitter):
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(EventEmitter, "start", no_room)
    watcher = Watcher(Watch(folders=(str(tmp_path),)), ".fits", wake=lambda: None, claim=lambda _folder: None)
    threads, descriptors = threading.active_count(), psutil.Process().num_fds()
    (change,) = watcher.check()
    assert change.what == "lost"
    assert "max_user_watches" in change.how
    # fewer: what another test left behind may have ended meanwhile
    assert threading.active_count() <= threads
    assert psutil.Process().num_fds() <= descriptors
    watcher.close()


def test_links_to_folders_are_not_followed(watched):
    folder, watcher, woken = watched
    (folder / "loop").symlink_to(folder)
    (folder / "a.ARW").write_bytes(b"x")
    assert sightings(watcher, woken, {folder / "a.ARW"}) == {folder / "a.ARW"}


def test_a_time_that_no_ledger_holds_is_the_latest_one(tmp_path):
    path = tmp_path / "a.ARW"
    path.write_bytes(b"x")
    os.utime(path, (9_300_000_000, 9_300_000_000))
    assert look(path).mtime_ns < 2**63


def test_what_watchdog_says_is_no_line_of_the_log():
    code = "import logging, arwatch.daemon.watch; logging.getLogger('watchdog.observers').error('thread is inactive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_folder_that_another_daemon_has_is_not_watched(tmp_path):
    def claim(_folder):
        raise ArwatchError("is watched already")

    watcher = Watcher(Watch(folders=(str(tmp_path),)), ".fits", wake=lambda: None, claim=claim)
    (change,) = watcher.check()
    assert (change.what, change.how) == ("lost", "is watched already")
    watcher.close()


def test_a_scan_gives_the_oldest_first_and_follows_no_links_to_folders(tmp_path):
    for age, name in enumerate(("c.ARW", "a.ARW", "b.ARW")):
        (tmp_path / name).write_bytes(b"x" * age)
        os.utime(tmp_path / name, ns=(age, age))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.ARW").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dir.ARW").mkdir()
    os.mkfifo(tmp_path / "pipe.ARW")
    found = [path.name for path, _ in scan(tmp_path, lambda name: name.endswith(".ARW"), recursive=True)]
    assert found == ["c.ARW", "a.ARW", "b.ARW", "d.ARW"]
    assert [path.name for path, _ in scan(tmp_path, str.isascii, recursive=False)] == ["c.ARW", "a.ARW", "b.ARW"]
    assert list(scan(tmp_path / "gone", str.isascii, recursive=True)) == []


def test_only_regular_files_can_be_looked_at(tmp_path):
    assert look(tmp_path) is None
    assert look(tmp_path / "none") is None
    (tmp_path / "a").write_bytes(b"abc")
    assert look(tmp_path / "a").size == 3


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("mnt/share/x", "cifs"), ("mnt/sha", "ext4"), ("mnt/with space", "nfs4"), ("elsewhere", "ext4")],
)
def test_the_file_system_is_that_of_the_innermost_mount(tmp_path, folder, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/sda1 / ext4 rw 0 0\n//nas/x {tmp_path}/mnt/share cifs rw 0 0\n"
        f"nas:/y {tmp_path}/mnt/with\\040space nfs4 rw 0 0\n"
    )
    assert file_system(tmp_path / folder, mounts) == kind
