"""Files that appear complete or not at all: written under a hidden temporary name, synced, renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from arwatch.errors import NoSpaceError, WriteError

PREFIX, SUFFIX = ".arwatch-", ".tmp"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REMOVALS = 20
_NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP}  # network file systems that cannot sync a folder


def is_temporary(name: str) -> bool:
    """Whether a file's name (without folder) is that of an output still being written."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


@contextmanager
def published(output: Path, *, within: Path | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `output` when the block ends, and vanishes when it raises.

    What was there under that name is replaced; a symbolic link itself is replaced, not what it points to.

    Parameters
    ----------
    output
        The final name; its folder exists.
    within
        The folder that the output's real place may not leave, whatever symbolic links say.

    Raises
    ------
    NoSpaceError, WriteError
        For every `OSError` of the file system, also those raised inside the block.
    """
    try:
        with _folder(output.parent, within) as folder:
            yield from _renamed(output.name, folder)
    except OSError as error:
        raise _explained(error, output) from error


def write_ahead(file: BinaryIO, start: int, stop: int) -> None:
    """Let the system begin with writing these bytes to the disk: less is left to wait for when all are synced."""
    with contextlib.suppress(OSError):  # only advice
        os.posix_fadvise(file.fileno(), start, stop - start, os.POSIX_FADV_DONTNEED)


def make_folder(output: Path, within: Path) -> None:
    """Make the folder of an output, unless a symbolic link leads it out of `within`.

    Raises
    ------
    NoSpaceError, WriteError
    """
    try:
        _check(_real(output.parent), within)
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explained(error, output) from error


def remove_stale(folder: Path) -> int:
    """Remove what a power cut left of unfinished outputs; gives their number.

    Files that a living process is writing are left alone.
    """
    removed = 0
    with contextlib.suppress(OSError), _folder(folder, None) as fd:
        for name in filter(is_temporary, os.listdir(fd)):  # noqa: PTH208 - of the folder that is open
            with contextlib.suppress(OSError):
                removed += _remove_if_stale(name, fd)
    return removed


@contextmanager
def _folder(path: Path, within: Path | None) -> Iterator[int]:
    real = _real(path, strict=True)
    if within is not None:
        _check(real, within)
    fd = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _check(real: Path, within: Path) -> None:
    if not real.is_relative_to(_real(within)):
        raise OSError(errno.EXDEV, f"the folder lies outside {within}, behind a symbolic link")


def _real(path: Path, *, strict: bool = False) -> Path:
    """Resolve links; a loop of them is an OSError (Path.resolve makes it a RuntimeError)."""
    return Path(os.path.realpath(path, strict=strict))


def _explained(error: OSError, output: Path) -> WriteError:
    kind = NoSpaceError if error.errno in _FULL else WriteError
    return kind(f"{output.name} could not be written to {output.parent}: {error.strerror or error}")


def _renamed(name: str, folder: int) -> Iterator[BinaryIO]:
    temporary = f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # a failing share may make the file and nevertheless answer with an error
        fd = os.open(temporary, flags, 0o666, dir_fd=folder)
        with os.fdopen(fd, "w+b") as file:
            # only tells `remove_stale` that somebody is at work; exclusive: under a shared one SMB lets nobody write
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _remove(temporary, folder)
        raise
    _sync_folder(folder)


def _remove(temporary: str, folder: int) -> None:
    """Remove an unfinished file, if it is there; a disk that fails now and then is asked more than once."""
    for _ in range(_REMOVALS):
        try:
            os.unlink(temporary, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError:
            continue
        return


def _sync_folder(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _remove_if_stale(name: str, folder: int) -> bool:
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return False
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)  # NFS locks what may be written
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(fd)
    return True
