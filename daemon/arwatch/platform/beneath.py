"""What Python has no functions for: opening a folder without leaving another one, and giving a file a new name only.

Both are system calls of Linux (openat2(2), renameat2(2)). Where the kernel or the file system lacks them, a way of
several steps that is as strict takes their place.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OPENAT2 = 437  # its number on all machines that Python has wheels for; the C library has no function for it
_RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x04, 0x08
_RENAME_NOREPLACE = 0x01
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_LACKS_CALL = {errno.ENOSYS, errno.EPERM}  # EPERM: a container's filter that is older than the call
_LACKS_NO_REPLACE = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP}
_LACKS_HARD_LINKS = {errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP, errno.EMLINK}

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(root: Path, folder: Path, *, make: bool = False) -> int:
    """Open a folder that lies below another one; gives its descriptor.

    No symbolic link below `root` is followed, also none that takes a folder's place while it is opened. `root` itself
    may be reached by links.

    Parameters
    ----------
    root
        The folder that must not be left.
    folder
        `root`, or a path that begins with it.
    make
        Make the folders below `root` that are missing.

    Raises
    ------
    OSError
        Also where the path leads out of `root` or over a link.
    """
    if not folder.is_relative_to(root):
        raise _leaves(root)
    below = folder.relative_to(root).parts
    top = os.open(root, _PASS)
    try:
        return _walked(top, below, make=True) if make else _opened(top, below)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EXDEV}:
            raise _leaves(root) from error
        raise
    finally:
        os.close(top)


def rename_new(old: str, new: str, folder: int) -> None:
    """Rename a file in an open folder, unless there is something under the new name.

    Raises
    ------
    FileExistsError
        There is.
    OSError
    """
    try:
        _renameat2(folder, old, new)
    except OSError as error:
        if error.errno not in _LACKS_NO_REPLACE:
            raise
    else:
        return
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LACKS_HARD_LINKS:
            raise
    else:
        os.unlink(old, dir_fd=folder)
        return
    # neither call on this file system: between this look and the renaming somebody else may take the name
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)


def _leaves(root: Path) -> OSError:
    return OSError(errno.EXDEV, f"the folder lies outside {root}, or behind a symbolic link in it")


def _opened(top: int, below: Sequence[str]) -> int:
    try:
        return _openat2(top, "/".join(below) or ".")
    except OSError as error:
        if error.errno not in _LACKS_CALL:
            raise
    return _walked(top, below)


def _openat2(top: int, below: str) -> int:
    how = _OpenHow(flags=_READ, resolve=_RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS)
    number, size = ctypes.c_long(_OPENAT2), ctypes.c_size_t(ctypes.sizeof(how))
    fd: int = _libc.syscall(number, ctypes.c_int(top), os.fsencode(below), ctypes.byref(how), size)
    if fd < 0:
        raise _error(below)
    return fd


def _walked(top: int, below: Sequence[str], *, make: bool = False) -> int:
    """Go down folder by folder: each is opened from the one above, and is what was opened or an error."""
    fd = os.dup(top)
    try:
        for name in below:
            if name == "..":
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            if make:
                _make(name, fd)
            above, fd = fd, _entered(name, fd)
            os.close(above)
        return os.open(".", _READ, dir_fd=fd)
    finally:
        os.close(fd)


def _entered(name: str, above: int) -> int:
    try:
        return os.open(name, _PASS | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def _make(name: str, above: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)


def _renameat2(folder: int, old: str, new: str) -> None:
    call = getattr(_libc, "renameat2", None)
    if call is None:  # a C library of before 2018
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(folder, os.fsencode(old), folder, os.fsencode(new), ctypes.c_uint(_RENAME_NOREPLACE)) < 0:
        raise _error(new)


def _error(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), name)  # gives the class that fits, such as FileExistsError
