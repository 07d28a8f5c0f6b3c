import errno
import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from arwatch.daemon import lease

OTHER_HOST = {"host": "observatory", "machine": "m", "boot": "b", "processes": "x", "pid": 7, "began": "1"}
HERE = lease.Holder(host="here", machine="m", boot="b", processes="x", pid=1, began="1", run="r", serials=("s", "t"))

HOLDER = """
import pathlib, sys
from arwatch.daemon import lease
lease.acquire(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another live process that has the lease."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_live_process_keeps_its_lease(tmp_path, other):
    with pytest.raises(lease.LeaseError, match=f"process {other.pid}"):
        lease.acquire(tmp_path)


def holder(folder):
    """Give the process id that the folder's lease names."""
    return json.loads((folder / lease.NAME).read_bytes())["pid"]


def test_a_killed_process_leaves_nothing_to_wait_for(tmp_path, other):
    assert holder(tmp_path) == other.pid
    other.kill()
    other.wait()
    lease.acquire(tmp_path)
    assert holder(tmp_path) == os.getpid()


@pytest.mark.usefixtures("other")
def test_another_s_lease_is_not_given_back(tmp_path):
    lease.release(tmp_path)
    with pytest.raises(lease.LeaseError):
        lease.acquire(tmp_path)


def test_ours_can_be_renewed_and_given_back(tmp_path):
    lease.acquire(tmp_path)
    lease.acquire(tmp_path)
    assert holder(tmp_path) == os.getpid()
    lease.release(tmp_path)
    assert not (tmp_path / lease.NAME).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"host": 3}'])
def test_a_broken_file_holds_nobody_up(tmp_path, content):
    (tmp_path / lease.NAME).write_bytes(content)
    lease.acquire(tmp_path)
    assert holder(tmp_path) == os.getpid()


@pytest.mark.parametrize(("age_s", "held"), [(0.0, True), (lease.BELIEVED_S + 60.0, False)])
def test_another_host_is_believed_as_long_as_it_renews(tmp_path, age_s, held):
    path = tmp_path / lease.NAME
    path.write_text(json.dumps(OTHER_HOST))
    told = time.time() - age_s
    os.utime(path, (told, told))
    if held:
        with pytest.raises(lease.LeaseError, match="observatory"):
            lease.acquire(tmp_path)
    else:
        lease.acquire(tmp_path)
        assert holder(tmp_path) == os.getpid()


@pytest.mark.parametrize(
    ("holder", "lives"),
    [
        (replace(HERE, boot="before", serials=("t", "u")), False),  # it went with the power
        (replace(HERE, boot="before", serials=("t",), host="another name"), False),
        (replace(HERE, boot="theirs", serials=("u",)), True),  # its disk was copied from the same image
        (replace(HERE, boot="theirs", serials=()), True),
        (replace(HERE, boot="theirs", machine="n"), True),
        (replace(HERE, processes="y"), True),  # a container
        (replace(HERE, pid=2**22 + 1), False),
        (replace(HERE, pid=2**22 + 1, began=None), False),
    ],
)
def test_who_is_believed_in(holder, lives):
    assert holder.lives(time.time(), HERE) is lives
    assert not holder.lives(time.time() - lease.BELIEVED_S - 1.0, HERE)


def before_runs_had_tokens(folder):
    """Rewrite a lease as the version before wrote it."""
    path = folder / lease.NAME
    found = json.loads(path.read_bytes())
    path.write_text(json.dumps({name: found[name] for name in OTHER_HOST}))


def test_a_lease_of_the_version_before_counts(tmp_path, other):
    before_runs_had_tokens(tmp_path)
    with pytest.raises(lease.LeaseError, match=f"process {other.pid}"):
        lease.acquire(tmp_path)
    other.kill()
    other.wait()
    lease.acquire(tmp_path)


def test_the_version_before_understands_our_lease(tmp_path):
    lease.acquire(tmp_path)
    assert json.loads((tmp_path / lease.NAME).read_bytes()).keys() >= OTHER_HOST.keys()


@pytest.mark.parametrize("release", [False, True])
def test_the_machine_s_name_may_change(tmp_path, monkeypatch, release):
    lease.acquire(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "another name")
    lease.acquire(tmp_path)
    if release:
        lease.release(tmp_path)
        assert not (tmp_path / lease.NAME).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
def test_another_user_s_lease_counts_and_its_remains_are_removed(tmp_path, other):
    def as_somebody(expected):
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                os.setuid(65534)
                lease.acquire(tmp_path)
                code = 0
            except lease.LeaseError:
                code = 1
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == expected

    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o777)
    as_somebody(1)
    other.kill()
    other.wait()
    as_somebody(0)


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_another_file_s_link_is_not_written_through(tmp_path, make):
    target = tmp_path / "target"
    target.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    make(folder / lease.NAME, target)
    with pytest.raises(OSError, match=r"symbolic|loop|levels|hard link"):
        lease.acquire(folder)
    lease.release(folder)
    assert target.read_text() == "precious"


@pytest.mark.timeout(30)
def test_a_pipe_keeps_nobody(tmp_path):
    os.mkfifo(tmp_path / lease.NAME)
    with pytest.raises(OSError, match="pipe"):
        lease.acquire(tmp_path)
    lease.release(tmp_path)


def test_a_stranger_s_lock_is_waited_for_a_moment_only(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "PATIENCE_S", 0.1)
    with (tmp_path / lease.NAME).open("w") as stranger:
        fcntl.flock(stranger, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="unavailable"):
            lease.acquire(tmp_path)


def test_a_stranger_s_lock_costs_no_renewal(tmp_path):
    lease.acquire(tmp_path)
    os.utime(tmp_path / lease.NAME, (0, 0))
    with (tmp_path / lease.NAME).open() as stranger:
        fcntl.flock(stranger, fcntl.LOCK_SH)
        lease.acquire(tmp_path)
    assert (tmp_path / lease.NAME).stat().st_mtime > time.time() - 60.0


def test_a_file_system_without_locks_costs_no_descriptors(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    before = psutil.Process().num_fds()
    with pytest.raises(OSError, match="No locks"):
        lease.acquire(tmp_path)
    assert psutil.Process().num_fds() <= before


def test_anybody_can_ask_who_watches(tmp_path, other):
    before = (tmp_path / lease.NAME).stat().st_mtime_ns
    assert re.fullmatch(rf"arwatch process {other.pid} on \S+", lease.watcher(tmp_path))
    assert (tmp_path / lease.NAME).stat().st_mtime_ns == before
    other.kill()
    other.wait()
    assert lease.watcher(tmp_path) is None


def test_nobody_watches_what_is_not_there_or_is_no_lease(tmp_path):
    assert lease.watcher(tmp_path / "none") is None
    os.mkfifo(tmp_path / lease.NAME)
    assert lease.watcher(tmp_path) is None
    assert lease.watcher(tmp_path / lease.NAME) is None
