"""One daemon a folder: a small file in the folder says who watches it.

No lock is held open, so that the disk can still be unmounted, and a killed daemon leaves nothing behind that
its successor would have to wait for: the process named in the file is looked up.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from arwatch.errors import ArwatchError
from arwatch.platform.locks import lock, open_lock
from arwatch.platform.machine import serial_numbers

NAME = ".arwatch.lock"
BELIEVED_S = 300.0
"""How long a daemon that cannot be looked up (another machine on the share, another container) is believed in."""

PATIENCE_S = 2.0
"""How long another process may have the file locked; daemons do for an instant."""

_RUN = secrets.token_hex(8)
"""Tells this run of the program from all others, on whatever machine; processes forked from it share it."""


class LeaseError(ArwatchError):
    """Another daemon watches the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The daemon that a lease names."""

    host: str
    """The machine's name when the lease was taken. For people: it may change, and two machines may share it."""
    machine: str
    """The machine-id. Machines whose disks were copied from one image share it."""
    boot: str
    """Of the kernel since it started; no two machines share it."""
    processes: str
    """The namespace that `pid` belongs to."""
    pid: int
    began: str | None
    """When the process began: process ids come again."""
    run: str = ""
    """Random; empty where an earlier version of arwatch took the lease."""
    serials: tuple[str, ...] = ()
    """Serial numbers of the machine's hardware, which copies of a disk do not share."""

    @classmethod
    def of(cls, pid: int) -> Holder:
        """Describe a process of this run of the program."""
        return cls(
            host=socket.gethostname(),
            machine=_text("/etc/machine-id"),
            boot=_text("/proc/sys/kernel/random/boot_id"),
            processes=_namespace(),
            pid=pid,
            began=_began(pid),
            run=_RUN,
            serials=serial_numbers(),
        )

    def is_same(self, other: Holder) -> bool:
        """Whether both are one run of the daemon."""
        return bool(self.run) and (self.run, self.pid) == (other.run, other.pid)

    def lives(self, renewed: float, here: Holder) -> bool:
        """Whether this daemon still runs, as far as can be told.

        Parameters
        ----------
        renewed : float
            When it last renewed its lease, seconds since 1970.
        here : Holder
            Any process of this machine.
        """
        if here.boot and (self.boot, self.processes) == (here.boot, here.processes):
            return self.began is not None and _began(self.pid) == self.began
        if self.boot != here.boot and self.machine == here.machine and set(self.serials) & set(here.serials):
            return False  # it ran on this machine and went with the power
        return abs(time.time() - renewed) < BELIEVED_S


def acquire(folder: Path, pid: int | None = None) -> None:
    """Take or renew the folder's lease for a process; None: for this one.

    Raises
    ------
    LeaseError
        Another live daemon has it.
    OSError
        The folder is gone, or cannot be written, or something else has the file's name.
    """
    mine = Holder.of(pid or os.getpid())
    if _renewed(folder / NAME, mine):
        return
    try:
        file = _open_locked(folder / NAME)
    except PermissionError:
        _remove_if_dead(folder, mine)
        file = _open_locked(folder / NAME)
    try:
        _refuse_if_held(file, folder, mine)
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(asdict(mine)).encode(), 0)
    finally:
        os.close(file)


def release(folder: Path, pid: int | None = None) -> None:
    """Give the lease back if the process (None: this one) has it."""
    path = folder / NAME
    try:
        file = open_lock(path, make=False, write=False)
    except OSError:
        return
    try:
        if _is_of(Holder.of(pid or os.getpid()), file):
            path.unlink()
    except OSError:
        return
    finally:
        os.close(file)


def watcher(folder: Path) -> str | None:
    """Say who watches a folder, as in `arwatch process 4711 on observatory`; None: nobody alive. Changes nothing."""
    try:
        file = open_lock(folder / NAME, make=False, write=False)
    except OSError:
        return None
    try:
        holder, told = _read(file), os.fstat(file).st_mtime
    except OSError:
        return None
    finally:
        os.close(file)
    mine = Holder.of(os.getpid())
    if holder is None or holder.is_same(mine) or not holder.lives(told, mine):
        return None
    return f"arwatch process {holder.pid} on {holder.host}"


def _renewed(path: Path, mine: Holder) -> bool:
    """Renew the lease if we have it; it needs no lock, which a stranger may keep, and no room on the disk."""
    try:
        file = open_lock(path, make=False)
    except OSError:
        return False
    try:
        if ours := _is_of(mine, file):
            os.utime(file)
        return ours
    finally:
        os.close(file)


def _is_of(mine: Holder, file: int) -> bool:
    holder = _read(file)
    return holder is not None and holder.is_same(mine)


def _remove_if_dead(folder: Path, mine: Holder) -> None:
    """Make way where another user's daemon left its file behind; it can be read, not written."""
    file = open_lock(folder / NAME, make=False, write=False)
    try:
        _refuse_if_held(file, folder, mine)
    finally:
        os.close(file)
    (folder / NAME).unlink()


def _refuse_if_held(file: int, folder: Path, mine: Holder) -> None:
    holder = _read(file)
    if holder is not None and holder.lives(os.fstat(file).st_mtime, mine):
        raise LeaseError(
            f"{folder}: is watched already by arwatch process {holder.pid} on {holder.host};"
            " stop that one first, or give this one another folder"
        )


def _open_locked(path: Path) -> int:
    """Open the file for us alone; again where it was given back between opening and locking.

    A stranger who keeps it locked (a backup, a stopped process) is waited for a moment only.
    """
    while True:
        file = open_lock(path)
        try:
            lock(file, PATIENCE_S)
            if os.path.samestat(os.fstat(file), path.lstat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _read(file: int) -> Holder | None:
    """Read who has the lease; None where the file does not say."""
    try:
        found = json.loads(os.pread(file, 4096, 0))
        return Holder(
            host=str(found["host"]),
            machine=str(found["machine"]),
            boot=str(found["boot"]),
            processes=str(found["processes"]),
            pid=int(found["pid"]),
            began=None if found["began"] is None else str(found["began"]),
            run=str(found.get("run", "")),
            serials=tuple(map(str, found.get("serials", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


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
