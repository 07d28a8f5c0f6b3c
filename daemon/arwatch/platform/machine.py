"""What this machine offers: its cores and memory, the workers and threads that suit them, and what it is known by."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.settings import Workers

GIB = 1 << 30
"""Bytes."""


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes(membership: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how much memory this process may use, bytes.

    It is the physical memory, or the lowest limit of the control groups that the process is in, if that is
    less. A service has such a limit from MemoryMax in its unit.

    Parameters
    ----------
    membership
        The file that names the control groups of this process.
    groups
        Where the control groups (version 2) are mounted.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group in (groups / name for name in _groups(membership, "0::")):
        for place in (group, *group.parents):
            with suppress(OSError, ValueError):  # without a limit the file says "max", which is no number
                limits.append(int((place / "memory.max").read_text()))
    return min(limits)


def memory_kills(membership: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many processes of this process's control group the kernel has killed for lack of memory.

    Source: the kernel's cgroup-v2.rst (`memory.events`) and cgroup-v1/memory.rst (`memory.oom_control`).

    Parameters
    ----------
    membership
        The file that names the control groups of this process.
    groups
        Where the control groups are mounted: version 2, or version 1 with a folder for each controller.
    """
    files = [groups / name / "memory.events" for name in _groups(membership, "0::")]
    old = groups / "memory"
    # in a container the mount may begin at its own group
    files += [old / name / "memory.oom_control" for name in (*_groups(membership, ":memory:"), "")]
    for file in files:
        with suppress(OSError, ValueError):
            for line in file.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def _groups(membership: Path, marked: str) -> list[str]:
    """Return the control groups whose line in `membership` has a mark: `0::` (version 2), `:memory:` (version 1)."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    return [line.partition(marked)[2].removeprefix("/") for line in lines if marked in line]


def worker_count(settings: Workers) -> int:
    """Return how many workers to start: as set, else one for each core, but at most one for each GiB of memory."""
    return settings.count or max(1, min(cores(), memory_bytes() // GIB))


def threads_for(settings: Workers, workers_used: int) -> int:
    """Return how many threads compute a frame: as set, else the cores divided by the workers in use, at least 1."""
    return settings.threads or max(1, cores() // max(1, workers_used))


SERIAL_NUMBERS = (
    "proc/device-tree/serial-number",  # of the board: Raspberry Pi and other small computers
    "sys/block/*/device/cid",  # of an SD card or eMMC
    "sys/block/*/device/serial",  # of an NVMe disk
    "sys/block/*/device/wwid",  # of a SATA or USB disk
)
"""Where the kernel tells serial numbers that every user may read."""


def serial_numbers(root: Path = Path("/")) -> tuple[str, ...]:
    """Return the serial numbers of this machine's board and disks; empty where it has none, as many virtual ones.

    Unlike the machine-id, copies of a disk's content do not share them.
    """
    found = set()
    for pattern in SERIAL_NUMBERS:
        for place in root.glob(pattern):
            with suppress(OSError):
                found.add(place.read_bytes().strip(b"\0 \n").decode("ascii", "replace"))
    return tuple(sorted(found - {""}))
