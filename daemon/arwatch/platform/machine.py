"""How many cores and how much memory this machine offers, and how many workers and threads suit them."""

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
    try:
        mine = [line.removeprefix("0::/") for line in membership.read_text().splitlines() if line.startswith("0::/")]
    except OSError:
        mine = []
    for group in (groups / name for name in mine):
        for place in (group, *group.parents):
            with suppress(OSError, ValueError):  # without a limit the file says "max", which is no number
                limits.append(int((place / "memory.max").read_text()))
    return min(limits)


def worker_count(settings: Workers) -> int:
    """Return how many workers to start: as set, else one for each core, but at most one for each GiB of memory."""
    return settings.count or max(1, min(cores(), memory_bytes() // GIB))


def threads_for(settings: Workers, workers_used: int) -> int:
    """Return how many threads compute a frame: as set, else the cores divided by the workers in use, at least 1."""
    return settings.threads or max(1, cores() // max(1, workers_used))
