import fcntl
import stat

import pytest

from arwatch.platform.locks import lock, open_lock
from arwatch.platform.paths import private_folder
from arwatch.work import worker


def test_nobody_else_looks_into_a_private_folder(tmp_path):
    folder = private_folder(tmp_path / "above" / "arwatch")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_folder(folder) == folder


def test_a_device_is_no_lock_file(tmp_path):
    (tmp_path / "lock").symlink_to("/dev/null")
    with pytest.raises(OSError, match=r"symbolic|loop|levels"):
        open_lock(tmp_path / "lock")
    with pytest.raises(OSError, match="device"):
        open_lock((tmp_path / "lock").resolve(), make=False)


def test_workers_wait_for_a_lock_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "COMPILING_S", 0.1)
    with worker._alone(str(tmp_path)), (tmp_path / ".arwatch.lock").open() as other:
        with pytest.raises(BlockingIOError):
            lock(other.fileno(), 0.0)
        with worker._alone(str(tmp_path)):
            pass
    with (tmp_path / ".arwatch.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
