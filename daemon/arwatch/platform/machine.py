"""What this machine offers: cores and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.settings import Workers

GIB = 1 << 30


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes(membership: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Physical memory, or the lowest limit of the control groups that this process is in (MemoryMax of a service)."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        mine = [line.removeprefix("0::/") for line in membership.read_text().splitlines() if line.startswith("0::/")]
    except OSError:
        mine = []
    for group in (groups / name for name in mine):
        for place in (group, *group.parents):
            with suppress(OSError, ValueError):  # "max" is no number
                limits.append(int((place / "memory.max").read_text()))
    return min(limits)


def worker_count(settings: Workers) -> int:
    """Workers to start: as set, else one a core, but no more than one a GiB of memory."""
    return settings.count or max(1, min(cores(), memory_bytes() // GIB))


def threads_for(settings: Workers, workers_used: int) -> int:
    """Threads for a frame: as set, else the cores shared among the frames in work (a single one gets all)."""
    return settings.threads or max(1, cores() // max(1, workers_used))
