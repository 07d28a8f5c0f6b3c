"""Why a folder cannot be written to, and what helps: sentences for the log."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from contextlib import suppress
from pathlib import Path

_OVERFLOW = Path("/proc/sys/kernel/overflowuid")
"""The user id that stands for all users whom this process cannot tell from each other (user_namespaces(7))."""
READ_ONLY = (
    "the file system is read-only: remount it writable; a service may write only to the folders that it was installed"
    " for: run `arwatch install-service` again and restart it"
)


def why_not_writable(folder: Path) -> str | None:
    """Say why nothing can be written to a folder, and what to do; None: it can.

    Raises
    ------
    OSError
        The folder cannot be looked at.
    """
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return READ_ONLY if os.statvfs(folder).f_flag & os.ST_RDONLY else _denied(folder)


def explain(error: OSError, folder: Path) -> str:
    """Say in what way writing to a folder failed, and where it can be mended, how."""
    if error.errno == errno.EROFS:
        return READ_ONLY
    if error.errno in {errno.EACCES, errno.EPERM}:
        with suppress(OSError):
            return _denied(folder)
    return error.strerror or str(error)


def _denied(folder: Path) -> str:
    found = folder.stat()
    owner = "an account that the service cannot see" if _is_hidden(found.st_uid) else _user(found.st_uid)
    mode = stat.filemode(found.st_mode)
    me, allow = _user(os.geteuid()), _allow(folder, found)
    return f"permission denied for {me}: the folder is {mode} and belongs to {owner}; allow it with: {allow}"


def _allow(folder: Path, found: os.stat_result) -> str:
    """Give the command that changes the rights that count for us: the owner's, else the group's."""
    name = shlex.quote(str(folder))
    if found.st_uid == os.geteuid():
        return f"chmod u+rwx {name}"
    if found.st_gid in {os.getegid(), *os.getgroups()}:
        return f"sudo chmod g+rwxs {name}"
    return f"sudo chgrp {_group(os.getegid())} {name} && sudo chmod g+rwxs {name}"


def _is_hidden(uid: int) -> bool:
    with suppress(OSError, ValueError):
        return uid == int(_OVERFLOW.read_text())
    return False


def _user(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group(gid: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
