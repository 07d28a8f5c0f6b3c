"""Files that serve as locks, where other users of the machine may have put something else under their names."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

POLL_S = 0.02
"""How often a lock that another process has is asked for again."""


def open_lock(path: Path, *, make: bool = True, write: bool = True) -> int:
    """Open a lock file; gives its descriptor. Never waits, and opens nothing but a file that has this one name.

    A pipe of that name would keep its reader waiting for ever; through a symbolic or hard link another file would be
    written to.

    Parameters
    ----------
    path : Path
        The file.
    make : bool
        Make it where it is missing.
    write : bool
        Open it for writing, too.

    Raises
    ------
    OSError
        Also where what lies there is no such file.
    """
    flags = (os.O_RDWR if write else os.O_RDONLY) | (os.O_CREAT if make else 0)
    file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    found = os.fstat(file)
    # no link at all: it was removed just now
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return file
    os.close(file)
    raise OSError(
        errno.EINVAL, "is no lock file but a pipe, a device or another file's hard link: remove it", str(path)
    )


def lock(file: int, patience_s: float) -> None:
    """Lock an open file for this process alone, and wait no longer than that for another one to unlock it.

    Raises
    ------
    BlockingIOError
        Another process keeps it locked.
    OSError
        The file system has no locks.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
