"""One daemon a folder: a small file in the folder says who watches it.

No lock is held open, so that the disk can still be unmounted, and a killed daemon leaves nothing behind that
its successor would have to wait for: the process named in the file is looked up.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from arwatch.errors import ArwatchError

NAME = ".arwatch.lock"
BELIEVED_S = 300.0
"""How long a daemon that cannot be looked up (another host on the share, another container) is believed in."""

PATIENCE_S = 2.0
"""How long another process may have the file locked; daemons do for an instant."""


class LeaseError(ArwatchError):
    """Another daemon watches the folder."""


def acquire(folder: Path, pid: int | None = None) -> None:
    """Take or renew the folder's lease for a process; None: for this one.

    Raises
    ------
    LeaseError
        Another live daemon has it.
    OSError
        The folder is gone, or cannot be written.
    """
    try:
        file = _open_locked(folder / NAME)
    except PermissionError:
        _remove_if_dead(folder, _holder(pid or os.getpid()))
        file = _open_locked(folder / NAME)
    mine = _holder(pid or os.getpid())
    try:
        if _live_holder(file, folder, mine) == mine:
            os.utime(file)  # a full disk must not cost the lease
            return
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(mine).encode(), 0)
    finally:
        os.close(file)


def release(folder: Path, pid: int | None = None) -> None:
    """Give the lease back if the process (None: this one) has it."""
    path = folder / NAME
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if _read(file) == _holder(pid or os.getpid()):
            path.unlink()
    except OSError:
        return
    finally:
        os.close(file)


def watcher(folder: Path) -> str | None:
    """Say who watches a folder, as in `arwatch process 4711 on observatory`; None: nobody alive. Changes nothing."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        holder, told = _read(file), os.fstat(file).st_mtime
    except OSError:
        return None
    finally:
        os.close(file)
    mine = _holder(os.getpid())
    if holder == mine or not _lives(holder, told, mine):
        return None
    return f"arwatch process {holder['pid']} on {holder['host']}"


def _remove_if_dead(folder: Path, mine: dict[str, Any]) -> None:
    """Make way where another user's daemon left its file behind; it can be read, not written."""
    file = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _live_holder(file, folder, mine)
    finally:
        os.close(file)
    (folder / NAME).unlink()


def _live_holder(file: int, folder: Path, mine: dict[str, Any]) -> dict[str, Any] | None:
    """Give ourselves if we have the lease, None if nobody alive has it."""
    holder = _read(file)
    if holder == mine:
        return mine
    if _lives(holder, os.fstat(file).st_mtime, mine):
        raise LeaseError(
            f"{folder}: is watched already by arwatch process {holder['pid']} on {holder['host']};"
            " stop that one first, or give this one another folder"
        )
    return None


def _open_locked(path: Path) -> int:
    """Open the file for us alone; again where it was given back between opening and locking."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            _lock(file)
            if os.path.samestat(os.fstat(file), path.lstat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int) -> None:
    """Lock the file; a stranger who keeps it locked (a backup, a stopped process) is waited for a moment only."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _read(file: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.keys() >= _FIELDS else {}


def _lives(holder: dict[str, Any], told: float, mine: dict[str, Any]) -> bool:
    if not holder:
        return False
    same = {name for name, value in mine.items() if holder.get(name) == value}
    if mine["machine"] and "boot" not in same and {"host", "machine"} <= same:
        return False  # it went with the power
    if not {"host", "machine", "boot", "processes"} <= same:
        return abs(time.time() - told) < BELIEVED_S
    try:
        return _began(int(holder["pid"])) == holder.get("began")
    except (KeyError, TypeError, ValueError):
        return False


_FIELDS = {"host", "machine", "boot", "processes", "pid", "began"}


def _holder(pid: int) -> dict[str, Any]:
    """Describe a process of this machine: host, process namespace, and when it began (process ids come again)."""
    return {
        "host": socket.gethostname(),
        "machine": _text("/etc/machine-id"),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "processes": _namespace(),
        "pid": pid,
        "began": _began(pid),
    }


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 -- a link to no path
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _began(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None where there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else rest[18]
