"""A folder whose file system is slow, hangs or fails: FUSE in a process of its own, told what to do while it runs.

As a program (`failing_fs.py BACKING MOUNT`) it shows the folder BACKING at MOUNT. Each line on its stdin is a JSON
object with the fields of `Faults`, which hold from the answering line on its stdout.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

try:
    import mfusepy
except (ImportError, OSError) as error:  # OSError: without libfuse
    mfusepy, missing = None, str(error)

LOOKING = frozenset({"getattr", "readdir", "opendir", "open", "create", "statfs"})
"""What a slow share is slow at."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with the file system."""

    delay_s: float = 0.0
    """How long it takes to look at a file or to open it (`LOOKING`), seconds."""
    hangs: bool = False
    """Nothing is answered until it hangs no more."""
    fail: dict[str, float] = field(default_factory=dict)
    """Operation, or "*" for all others -> the probability that it fails."""
    error: int = errno.EIO
    """With which error."""
    seed: int = 1
    """Of the chance."""


SOUND = Faults()


def needs_fuse(test):
    """Skip a test where there is no FUSE; with ARWATCH_REQUIRE_TOOLS=1 it runs and fails."""
    reason = "" if os.environ.get("ARWATCH_REQUIRE_TOOLS") == "1" else _lacking()
    return pytest.mark.skipif(bool(reason), reason=reason)(test)


def _lacking():
    if mfusepy is None:
        return f"FUSE cannot be used: {missing}"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    return "" if _unmounter() else "fusermount3 is not installed"


def _unmounter():
    return shutil.which("fusermount3") or shutil.which("fusermount")


class FailingFolder:
    """A mounted folder; see `failing_folder`."""

    def __init__(self, process):
        self._process = process

    def set(self, faults):
        """Let the file system have these faults from now on, and no others."""
        self._process.stdin.write(json.dumps(asdict(faults)) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "set\n"

    def die(self):
        """Answer with errors only, as a FUSE file system does whose program has ended."""
        self._process.kill()
        self._process.wait()


@contextmanager
def failing_folder(backing: Path, mount: Path):
    """Mount a sound file system on `mount` that shows `backing`; faults follow by `FailingFolder.set`."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(backing), str(mount)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "mounted\n", "the file system was not mounted"
        yield FailingFolder(process)
    finally:
        process.kill()  # whoever waits for an answer gets an error
        process.wait()
        process.stdin.close()
        process.stdout.close()
        unmount(mount)


def unmount(folder):
    """Unmount a failing folder, if it is mounted (still)."""
    subprocess.run([_unmounter(), "-u", "-z", str(folder)], check=False, capture_output=True)


if mfusepy is not None:

    class _Passing(mfusepy.Operations):
        """The backing folder, as it is."""

        use_ns = True

        def __init__(self, backing):
            self._backing = backing

        def init(self, path):
            print("mounted", flush=True)

        def _at(self, path):
            return self._backing + path

        def getattr(self, path, fh=None):
            found = os.lstat(self._at(path)) if fh is None else os.fstat(fh)
            names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size")
            times = {f"st_{name}time": getattr(found, f"st_{name}time_ns") for name in "amc"}
            return {name: getattr(found, name) for name in names} | times

        def readdir(self, path, fh):
            return [".", "..", *os.listdir(self._at(path))]

        def opendir(self, path):
            return 0

        def releasedir(self, path, fh):
            return 0

        def open(self, path, flags):
            return os.open(self._at(path), flags & ~os.O_NOFOLLOW)

        def create(self, path, mode, fi=None):
            return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

        def read(self, path, size, offset, fh):
            return os.pread(fh, size, offset)

        def write(self, path, data, offset, fh):
            return os.pwrite(fh, data, offset)

        def truncate(self, path, length, fh=None):
            os.truncate(self._at(path) if fh is None else fh, length)
            return 0

        def release(self, path, fh):
            os.close(fh)
            return 0

        def fsync(self, path, datasync, fh):
            os.fsync(fh)
            return 0

        def mkdir(self, path, mode):
            os.mkdir(self._at(path), mode)
            return 0

        def rmdir(self, path):
            os.rmdir(self._at(path))
            return 0

        def unlink(self, path):
            os.unlink(self._at(path))
            return 0

        def rename(self, old, new):
            os.rename(self._at(old), self._at(new))
            return 0

        def chmod(self, path, mode):
            os.chmod(self._at(path), mode)
            return 0

        def utimens(self, path, times=None):
            os.utime(self._at(path), ns=times)
            return 0

        def statfs(self, path):
            found = os.statvfs(self._at(path))
            return {name: getattr(found, name) for name in dir(found) if name.startswith("f_") and name != "f_fsid"}

    class _Failing(_Passing):
        """The backing folder, with faults."""

        def __init__(self, backing):
            super().__init__(backing)
            self._answers = threading.Event()
            self.set(SOUND)

        def set(self, faults):
            self._faults, self._chance = faults, random.Random(faults.seed)
            (self._answers.clear if faults.hangs else self._answers.set)()

        def meet(self, operation):
            self._answers.wait()
            faults = self._faults
            if operation in LOOKING and faults.delay_s:
                threading.Event().wait(faults.delay_s)
            if self._chance.random() < faults.fail.get(operation, faults.fail.get("*", 0.0)):
                raise mfusepy.FuseOSError(faults.error)

    def _with_faults(name):
        passing = getattr(_Passing, name)

        def operation(self, path, *args):
            if name not in {"release", "releasedir"}:  # nobody hears of their errors
                self.meet(name)
            return passing(self, path, *args)

        operation.__name__ = name
        return operation

    for _name, _value in list(vars(_Passing).items()):
        if callable(_value) and not _name.startswith("_") and _name != "init":
            setattr(_Failing, _name, _with_faults(_name))


def _obey(folder):
    for line in sys.stdin:
        folder.set(Faults(**json.loads(line)))
        print("set", flush=True)


def _serve(backing, mount):
    folder = _Failing(backing)
    threading.Thread(target=_obey, args=(folder,), daemon=True).start()
    # nothing is cached, so that every look is one at the file system
    options = {"attr_timeout": 0, "entry_timeout": 0}
    if mfusepy.fuse_version_major == 2:
        options["big_writes"] = True  # the only way in libfuse 3
    mfusepy.FUSE(folder, mount, foreground=True, fsname="failing", **options)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
