"""A folder shown read-only over FUSE, as a share: stopped by SIGSTOP, it does not answer.

python hanging_share.py SOURCE MOUNTPOINT
"""

import os
import sys
from pathlib import Path

import mfusepy


class Share(mfusepy.Operations):
    """What is in a folder."""

    use_ns = True

    def __init__(self, source):
        self._source = Path(source)

    def _at(self, path):
        return self._source / path.lstrip("/")

    def getattr(self, path, _fh=None):
        found = os.lstat(self._at(path))
        whole = {name: getattr(found, f"st_{name}_ns") for name in ("atime", "mtime", "ctime")}
        return {f"st_{name}": value for name, value in whole.items()} | {
            name: getattr(found, name) for name in ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid")
        }

    def readdir(self, path, _fh):
        return [".", "..", *(found.name for found in self._at(path).iterdir())]

    def open(self, path, flags):
        return os.open(self._at(path), flags)

    def read(self, _path, size, offset, fh):
        return os.pread(fh, size, offset)

    def release(self, _path, fh):
        os.close(fh)
        return 0


if __name__ == "__main__":
    mfusepy.FUSE(Share(sys.argv[1]), sys.argv[2], foreground=True, allow_other=True, nothreads=True, ro=True)
