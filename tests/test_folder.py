"""A watched folder's thread: real folders, real events; the tests wait for what it posts, not for time."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from watchdog.observers.api import EventEmitter

from arwatch.daemon import lease
from arwatch.daemon.folder import WatchedFolder
from arwatch.daemon.folder_thread import FolderThread
from arwatch.daemon.news import Broke, Missing, OutputFound, Present, Scanned, Sighted, Unwatched, Vanished
from arwatch.daemon.settle import Waiting
from arwatch.daemon.watch import trouble
from arwatch.model.job import Look, Source
from arwatch.platform import fs
from arwatch.platform.fs import belongs_on_a_disk_that_is_away, file_system, is_absent, look, mount_point, scan
from arwatch.settings import Watch
from arwatch.simulate import Scene, arw_bytes, render
from faults.failing_fs import SOUND, Faults, failing_folder, needs_fuse, unmount

PATIENCE_S = 60.0
SUFFIX = ".bkg_subtracted.fits"
FRAME = arw_bytes(render(Scene(height=64, width=96, stars=2), 1).mosaic)


class Posted:
    """What a thread posted; `wait` gives the first that fits."""

    def __init__(self):
        self.news = []
        self._came = threading.Condition()

    def __call__(self, news):
        with self._came:
            self.news.append(news)
            self._came.notify_all()

    def wait(self, fits, count=1):
        """Give the first `count` news of a kind, or for which a function is true."""
        if isinstance(fits, type):
            kind = fits
            fits = lambda news: isinstance(news, kind)  # noqa: E731
        deadline = time.monotonic() + PATIENCE_S
        with self._came:
            while len(found := [news for news in self.news if fits(news)]) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"not posted: {self.news}"
                self._came.wait(left)
        return found[0] if count == 1 else found[:count]

    def clear(self):
        with self._came:
            self.news.clear()

    def sighted(self, path):
        return self.wait(lambda news: isinstance(news, Sighted) and news.path == path)


@contextmanager
def running(thread):
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def folder_thread(folder, posted, **settings):
    wanted = {"observer": "native", "recursive": True, "settle_s": 0.05, "rescan_s": 3600.0} | settings
    return WatchedFolder(folder, Watch(folders=(str(folder),), **wanted), SUFFIX, posted, holder=os.getpid())


@pytest.fixture(params=["native", "polling"])
def watched(request, tmp_path):
    folder, posted = tmp_path / "night", Posted()
    folder.mkdir()
    with running(folder_thread(folder, posted, observer=request.param)) as thread:
        assert posted.wait(Present) == Present(folder, request.param)
        assert posted.wait(Scanned) == Scanned(folder, careful=True, began=0.0)
        yield folder, thread, posted


def check_soon(thread):
    """Let the thread look at once whether its folder is there."""
    thread.do(thread._check)


def test_arrivals_are_sighted_and_nothing_else(watched, tmp_path):
    folder, _, posted = watched
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
    for path in expected:
        assert posted.sighted(path).look.size <= 1
    assert {news.path for news in posted.news if isinstance(news, Sighted)} == expected


def test_a_new_folder_is_scanned(watched):
    folder, _, posted = watched
    (folder / "card").mkdir()
    (folder / "card" / "a.ARW").write_bytes(b"x")
    posted.sighted(folder / "card" / "a.ARW")


@needs_fuse
def test_what_goes_after_the_disk_failed_is_told(tmp_path):
    backing, folder, posted = tmp_path / "backing", tmp_path / "night", Posted()
    for place in (backing, folder):
        place.mkdir()
    (backing / "a.ARW").write_bytes(b"x")
    with failing_folder(backing, folder) as disk, running(folder_thread(folder, posted)) as thread:
        posted.sighted(folder / "a.ARW")
        posted.wait(Scanned)
        disk.set(Faults(fail={"opendir": 1.0}))
        thread.scan_soon()
        posted.wait(Scanned, count=2)
        disk.set(SOUND)
        (backing / "a.ARW").unlink()  # as another machine does it: no event tells
        thread.scan_soon()
        assert posted.wait(Vanished) == Vanished(folder / "a.ARW")


def test_a_frame_settles_in_the_folder_s_own_thread(watched):
    folder, thread, posted = watched
    path = folder / "a.ARW"
    path.write_bytes(FRAME[:-1])
    thread.settle(path)
    assert posted.wait(Waiting).needed == len(FRAME)
    path.write_bytes(FRAME)
    thread.settle(path)
    assert posted.wait(Source).look == look(path)
    assert len(thread) == 0


def test_a_folder_that_vanishes_is_told_once_and_watched_again_when_it_returns(watched):
    folder, thread, posted = watched
    posted.clear()
    away = folder.with_name("away")
    folder.rename(away)
    check_soon(thread)
    assert posted.wait(Missing).folder == folder
    check_soon(thread)
    (away / "a.ARW").write_bytes(b"x")
    away.rename(folder)
    check_soon(thread)
    posted.wait(Present)
    assert posted.sighted(folder / "a.ARW").careful, "what failed while it was away must be looked at again"
    (folder / "b.ARW").write_bytes(b"x")
    assert not posted.sighted(folder / "b.ARW").careful
    assert len([news for news in posted.news if isinstance(news, Missing)]) == 1


def test_another_folder_under_the_same_name_is_watched(watched):
    folder, thread, posted = watched
    posted.clear()
    other = folder.with_name("other")
    other.mkdir()
    shutil.rmtree(folder)
    other.rename(folder)
    check_soon(thread)
    assert "took its place" in posted.wait(Missing).why
    posted.wait(Present)
    (folder / "a.ARW").write_bytes(b"x")
    posted.sighted(folder / "a.ARW")


def test_a_folder_that_another_daemon_has_is_not_watched(tmp_path):
    posted = Posted()
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{HOLD}(Path({str(tmp_path)!r})); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    with running(folder_thread(tmp_path, posted)) as thread:
        missing = posted.wait(Missing)
        assert "is watched already" in missing.why
        assert missing.leased
        holder.communicate(b"\n")
        check_soon(thread)
        posted.wait(Present)


HOLD = "from pathlib import Path; from arwatch.daemon import lease; lease.acquire"


def test_the_lease_is_renewed_however_the_folder_is_watched(watched):
    folder, thread, _ = watched
    os.utime(folder / lease.NAME, (0, 0))
    done = threading.Event()
    thread._lease_due = 0.0
    check_soon(thread)
    thread.do(done.set)
    assert done.wait(PATIENCE_S)
    assert (folder / lease.NAME).stat().st_mtime > time.time() - 2 * PATIENCE_S


def test_the_lease_is_given_back(tmp_path):
    posted = Posted()
    with running(folder_thread(tmp_path, posted)):
        posted.wait(Present)
        assert (tmp_path / lease.NAME).exists()
    assert not (tmp_path / lease.NAME).exists()


def test_an_observation_in_doubt_is_replaced(watched):
    folder, thread, posted = watched
    before = thread._observation
    thread.observe_anew()
    posted.wait(lambda news: news == Scanned(folder, careful=False, began=0.0))
    assert thread._observation is not before
    (folder / "a.ARW").write_bytes(b"x")
    posted.sighted(folder / "a.ARW")


def test_an_observer_that_cannot_be_stopped_is_replaced_all_the_same(watched, monkeypatch):
    folder, thread, posted = watched
    with monkeypatch.context() as patched:
        patched.setattr(EventEmitter, "stop", lambda _: {}.pop("a folder that watchdog does not know"))
        thread.observe_anew()
        posted.wait(lambda news: news == Scanned(folder, careful=False, began=0.0))
    (folder / "a.ARW").write_bytes(b"x")
    posted.sighted(folder / "a.ARW")


def test_an_observer_that_cannot_be_started_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_room(_emitter):
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(EventEmitter, "start", no_room)
    posted = Posted()
    with running(folder_thread(tmp_path, posted)) as thread:
        assert "max_user_watches" in posted.wait(Missing).why
        thread.do(lambda: None)
        threads, descriptors = threading.active_count(), psutil.Process().num_fds()
        for _ in range(5):
            done = threading.Event()
            check_soon(thread)
            thread.do(done.set)
            assert done.wait(PATIENCE_S)
        # fewer: what another test left behind may have ended meanwhile
        assert threading.active_count() <= threads
        assert psutil.Process().num_fds() <= descriptors


def test_links_to_folders_are_not_followed(watched):
    folder, _, posted = watched
    (folder / "loop").symlink_to(folder)
    (folder / "a.ARW").write_bytes(b"x")
    (folder / "b.ARW").write_bytes(b"x")
    posted.sighted(folder / "a.ARW")
    posted.sighted(folder / "b.ARW")
    assert {news.path.parent for news in posted.news if isinstance(news, Sighted)} == {folder}


def test_a_mistake_in_the_thread_is_told_with_its_evidence(tmp_path):
    posted = Posted()
    with running(FolderThread(tmp_path, posted)) as thread:
        thread.do(lambda: {}["nothing"])
        assert "KeyError: 'nothing'" in posted.wait(Broke).evidence


def test_how_long_a_file_system_is_silent_is_known(tmp_path):
    """While the loop has no time for news that is no silence of the file system."""
    posted, asked, answer = Posted(), threading.Event(), threading.Event()

    def hang():
        asked.set()
        assert answer.wait(PATIENCE_S)

    with running(FolderThread(tmp_path, posted)) as thread:
        posted.wait(Present)
        thread.do(hang)
        assert asked.wait(PATIENCE_S)
        first = thread.silent_s()
        assert thread.silent_s() > first
        answer.set()
        done = threading.Event()
        thread.do(done.set)
        assert done.wait(PATIENCE_S)


def test_outputs_are_looked_for(tmp_path):
    posted, frame, output = Posted(), tmp_path / "a.ARW", tmp_path / "a.fits"
    output.write_bytes(b"123")
    with running(FolderThread(tmp_path, posted)) as thread:
        thread.look_for_output(frame, Look(1, 1), output)
        thread.look_for_output(frame, Look(2, 2), tmp_path / "none.fits")
        first, second = posted.wait(OutputFound, count=2)
    assert first == OutputFound(frame, Look(1, 1), look(output))
    assert second == OutputFound(frame, Look(2, 2), None)


@pytest.fixture
def read_only():
    """A folder that other accounts may read; pytest's own are closed to them, again at each of its starts."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        folder = Path(home, "night")
        folder.mkdir(mode=0o555)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="another account can be taken on by root only")
def test_a_folder_that_may_not_be_written_is_told_and_when_it_may_again(read_only):
    folder = read_only
    code = f"""
import os, pathlib, queue
from arwatch.daemon.folder_thread import FolderThread
os.setuid(65534)
told = queue.Queue()
thread = FolderThread(pathlib.Path({str(folder)!r}), told.put)
thread.start()
for _ in range(3):
    print(told.get(timeout=60), flush=True)
    if _ == 1: input()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline().startswith("Present")
    assert "permission denied" in child.stdout.readline()
    folder.chmod(0o777)
    out, _ = child.communicate("\n", timeout=PATIENCE_S)
    assert "why_not=None" in out


@pytest.mark.skipif(os.geteuid() != 0, reason="another account can be taken on by root only")
def test_the_lease_is_taken_when_the_folder_may_be_written(read_only):
    """It was not for the first minute: `arwatch process` worked against the service, as `status` knew of none."""
    folder = read_only
    code = f"""
import os, pathlib, time
from arwatch.daemon import folder, lease
from arwatch.daemon.news import Writable
from arwatch.settings import Watch
folder.LEASE_S = 10 * {PATIENCE_S}  # it is not the next renewal that takes it
os.setuid(65534)
told = lambda news: isinstance(news, Writable) and print(news.why_not, flush=True)
watch = Watch(observer="native")
folder.WatchedFolder(pathlib.Path({str(folder)!r}), watch, ".fits", told, holder=os.getpid()).start()
input()
while not os.path.exists({str(folder / lease.NAME)!r}):
    time.sleep(0.01)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert "permission denied" in child.stdout.readline()
        folder.chmod(0o777)
        child.communicate("\n", timeout=PATIENCE_S)
    finally:
        child.kill()
    assert child.returncode == 0


def test_lost_events_and_dead_observers_are_heard_of():
    overflows, deaths, others = [], [], []
    before = threading.excepthook
    threading.excepthook = others.append
    try:
        with trouble(lambda: overflows.append(1), deaths.append):
            # watchdog's words; that the kernel's queue really overflows is among the faults
            logger = logging.getLogger("watchdog.observers.inotify_c")
            logger.warning("Inotify queue overflowed; filesystem events were lost")
            logger.error("thread is inactive")
            assert overflows == [1]
            emitter = type("Dying", (EventEmitter,), {"run": lambda _: {}["a folder that watchdog does not know"]})
            thread = emitter(None, None)
            thread.start()
            thread.join()
            assert "KeyError: 'a folder that watchdog does not know'" in deaths[0]
            stranger = threading.Thread(target=lambda: {}["a stranger's mistake"])
            stranger.start()
            stranger.join()
            assert len(deaths) == len(others) == 1, "another thread's death is no loss of events"
    finally:
        threading.excepthook = before


def test_a_time_that_no_ledger_holds_is_the_latest_one(tmp_path):
    path = tmp_path / "a.ARW"
    path.write_bytes(b"x")
    os.utime(path, (9_300_000_000, 9_300_000_000))
    assert look(path).mtime_ns < 2**63


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


def test_a_mount_point_is_found():
    assert mount_point(Path("/proc/self/fd")) == Path("/proc")
    assert mount_point(Path("/")) == Path("/")


@needs_fuse
def test_a_disk_that_fails_is_asked_again_and_one_that_gives_no_answer_is_away(tmp_path):
    backing, folder = tmp_path / "backing", tmp_path / "disk"
    for place in (backing, folder):
        place.mkdir()
    table = tmp_path / "fstab"
    table.write_text(f"UUID=1 {folder} ext4\n")
    with failing_folder(backing, folder) as disk:
        assert mount_point(folder) == folder
        assert is_absent(folder / "none")
        disk.set(Faults(fail={"getattr": 0.5}))
        answers = [is_absent(folder / "none") for _ in range(50)]  # the disk may fail at the file or at the folder
        assert set(answers) == {True, False}
        disk.set(Faults(fail={"getattr": 1.0}))
        assert belongs_on_a_disk_that_is_away(folder / "fits", table)
        assert mount_point(folder) != folder


@needs_fuse
def test_a_disk_that_gives_no_answer_is_missing_until_it_does(tmp_path):
    backing, folder, posted = tmp_path / "backing", tmp_path / "disk", Posted()
    for place in (backing, folder):
        place.mkdir()
    with failing_folder(backing, folder) as disk, running(FolderThread(folder, posted)) as place:
        posted.wait(Present)
        disk.set(Faults(fail={"getattr": 1.0}))
        check_soon(place)
        assert "not mounted" in posted.wait(Missing).why
        disk.set(SOUND)
        check_soon(place)
        posted.wait(Present, count=2)
    assert not [news for news in posted.news if isinstance(news, Broke)]


def test_fstab_tells_where_a_disk_belongs(tmp_path):
    table = tmp_path / "fstab"
    table.write_text(
        f"# comment\n\n/dev/sda1 / ext4\nUUID=1 {tmp_path}/my\\040disk ext4 nofail\nproc /proc proc\nswap none\n"
    )
    assert belongs_on_a_disk_that_is_away(tmp_path / "my disk" / "fits", table)
    assert not belongs_on_a_disk_that_is_away(tmp_path / "my", table)
    assert not belongs_on_a_disk_that_is_away(Path("/proc/self"), table)
    assert not belongs_on_a_disk_that_is_away(tmp_path, tmp_path / "none")


@needs_fuse
def test_a_share_that_dies_is_missing_and_its_empty_folder_is_not_taken_for_it(tmp_path):
    """As sshfs does: first all answers are errors, then there is the folder that it was mounted on."""
    share, backing, posted = tmp_path / "share", tmp_path / "backing", Posted()
    share.mkdir()
    backing.mkdir()
    with failing_folder(backing, share) as disk, running(FolderThread(share, posted)) as thread:
        posted.wait(Present)
        posted.clear()
        disk.die()
        check_soon(thread)
        assert "not mounted" in posted.wait(lambda news: isinstance(news, Missing | Broke)).why
        unmount(share)
        done = threading.Event()
        check_soon(thread)
        thread.do(done.set)
        assert done.wait(PATIENCE_S)
    assert [news for news in posted.news if not isinstance(news, Missing)] == []


def test_frames_in_subfolders_that_nobody_watches_are_told_once(tmp_path):
    for place in ("a/b", "c", ".hidden"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "1.ARW").write_bytes(FRAME)
    (tmp_path / "c" / "2.ARW").write_bytes(FRAME)
    posted = Posted()
    with running(folder_thread(tmp_path, posted, recursive=False)) as folder:
        found = posted.wait(Unwatched)
        assert found.facts()["reason"].startswith("not watched: 3 frames in 2 subfolders; --recursive or")
        folder.scan_soon(careful=True)
        posted.wait(Scanned, 2)
    assert sum(isinstance(news, Unwatched) for news in posted.news) == 1


def test_more_files_than_anybody_wants_to_wait_for_are_not_all_counted(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    for number in range(10):
        (tmp_path / "a" / f"{number}.ARW").touch()
    monkeypatch.setattr(fs, "MOST_ENTRIES", 5)
    assert str(fs.count_below(tmp_path, lambda name: name.endswith(".ARW"))) == "at least 4 frames in 1 subfolder"
