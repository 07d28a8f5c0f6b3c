"""Files that appear complete or not at all: written under a hidden temporary name, synced, renamed.

A folder is opened once, and all that is done in it is done by its descriptor: what takes its place meanwhile gets
nothing. The temporary file is locked from before its first byte until it has its final name or is gone; whoever
removes what others left behind must get that lock first.
"""

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

from arwatch.errors import NameTakenError, NoSpaceError, WriteError
from arwatch.platform.access import explain
from arwatch.platform.beneath import open_beneath, rename_new
from arwatch.platform.fs import NO_MORE_FILES, files_left

PREFIX, SUFFIX = ".arwatch-", ".tmp"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REMOVALS = 20
_NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP}  # network file systems that cannot sync a folder
_NOT_STALE = {errno.EWOULDBLOCK, errno.ENOENT, errno.EACCES, errno.EPERM}  # in use, gone, or another user's

_cleared: set[tuple[int, int]] = set()
"""Folders (device, inode) in which this process has left nothing, and has removed what others had left."""


def is_temporary(name: str) -> bool:
    """Whether a file's name (without folder) is that of an output still being written."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


@contextmanager
def published(
    output: Path, *, within: Path | None = None, new: bool = False, synced: bool = True
) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `output` when the block ends, and vanishes when it raises.

    A symbolic link of that name is replaced itself, not what it points to.

    Parameters
    ----------
    output
        The final name; its folder exists.
    within
        The folder that the output may not leave: `output` begins with it, and no symbolic link below it is followed.
    new
        Replace nothing: what lies under the name by then is left alone.
    synced
        Wait for the disk. Without that a power cut may leave an empty file: for what can be done without.

    Raises
    ------
    NameTakenError
        With `new`, something lies under the name.
    NoSpaceError, WriteError
        For every `OSError` of the file system, also those raised inside the block.
    """
    try:
        with _folder(output.parent, within) as folder:
            _clear_once(folder)
            with _temporary(folder) as (temporary, file):
                yield file
                file.flush()
                if synced:
                    os.fsync(file.fileno())
                if new:
                    _rename_new(temporary, output, folder)
                else:
                    os.replace(temporary, output.name, src_dir_fd=folder, dst_dir_fd=folder)
            if synced:
                _sync_folder(folder)
    except OSError as error:
        raise _explained(error, output) from error


def write_ahead(file: BinaryIO, start: int, stop: int) -> None:
    """Let the system begin with writing these bytes to the disk: less is left to wait for when all are synced."""
    with contextlib.suppress(OSError):  # only advice
        os.posix_fadvise(file.fileno(), start, stop - start, os.POSIX_FADV_DONTNEED)


def make_folder(output: Path, within: Path) -> None:
    """Make the folder of an output below `within`, where no symbolic link is followed.

    Raises
    ------
    NoSpaceError, WriteError
    """
    try:
        within.mkdir(parents=True, exist_ok=True)
        os.close(open_beneath(within, output.parent, make=True))
    except OSError as error:
        raise _explained(error, output) from error


def remove_stale(folder: Path, within: Path | None = None) -> int:
    """Remove what a power cut or a failing disk left of unfinished outputs; gives their number.

    Files that a living process is writing are left alone. `within`: as for `published`.
    """
    with contextlib.suppress(OSError), _folder(folder, within) as fd:
        return _remove_stale(fd)[0]
    return 0


@contextmanager
def _folder(path: Path, within: Path | None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(path, flags) if within is None else open_beneath(within, path)
    try:
        yield fd
    finally:
        os.close(fd)


def _explained(error: OSError, output: Path) -> WriteError:
    kind = NoSpaceError if error.errno in _FULL else WriteError
    why = NO_MORE_FILES if kind is NoSpaceError and _no_more_files(output.parent) else explain(error, output.parent)
    return kind(f"{output.name} could not be written to {output.parent}: {why}")


def _no_more_files(folder: Path) -> bool:
    try:
        return files_left(folder) == 0
    except OSError:
        return False


def _rename_new(temporary: str, output: Path, folder: int) -> None:
    try:
        rename_new(temporary, output.name, folder)
    except FileExistsError as error:
        raise NameTakenError(f"another file took the name {output.name} in {output.parent} meanwhile") from error


@contextmanager
def _temporary(folder: int) -> Iterator[tuple[str, BinaryIO]]:
    """Open a temporary file and lock it; removed on an error."""
    name, file = _locked(folder)
    with file:
        try:
            yield name, file
        except BaseException:
            _remove(name, folder)
            raise


def _locked(folder: int) -> tuple[str, BinaryIO]:
    """Make a temporary file that nobody takes for stale; gives its name, too.

    Whoever clears the folder may see it before it is locked, and remove it: then another one is made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        name = f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        try:
            descriptor = os.open(name, flags, 0o666, dir_fd=folder)
        except OSError:
            _remove(name, folder)  # a failing share may have made it all the same
            raise
        file = os.fdopen(descriptor, "w+b")
        try:
            if _lock(file) and _is_there(name, file, folder):
                return name, file
        except BaseException:
            file.close()
            _remove(name, folder)
            raise
        file.close()


def _lock(file: BinaryIO) -> bool:
    """Lock a file without waiting; gives whether nobody else has locked it.

    The lock is exclusive: under a shared one SMB lets nobody write.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: there nobody else gets one either, and nothing counts as stale
        pass
    return True


def _is_there(name: str, file: BinaryIO, folder: int) -> bool:
    try:
        return os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove(name: str, folder: int) -> None:
    """Remove a temporary file, if it is there; a disk that fails now and then is asked more than once.

    Where it refuses, the folder is cleared when something is written there again.
    """
    for _ in range(_REMOVALS):
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError:
            continue
        return
    _cleared.clear()


def _clear_once(folder: int) -> None:
    """Clear a folder the first time that this process writes there, and after it had to leave something behind."""
    found = os.fstat(folder)
    identity = found.st_dev, found.st_ino
    if identity not in _cleared and _remove_stale(folder)[1]:
        _cleared.add(identity)


def _sync_folder(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _remove_stale(folder: int) -> tuple[int, bool]:
    """Remove stale files of an open folder; gives their number, and whether the disk let that happen."""
    removed, complete = 0, True
    for name in filter(is_temporary, os.listdir(folder)):
        try:
            removed += _remove_if_stale(name, folder)
        except OSError as error:
            complete &= error.errno in _NOT_STALE
    return removed, complete


def _remove_if_stale(name: str, folder: int) -> bool:
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return False
    # NFS locks what may be written; what takes the file's place now may be a pipe, which must not keep us
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(fd)
    return True
