"""What this machine offers: cores, memory, and the folders where state and caches belong."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.settings import State, Workers

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


def state_folder(settings: State) -> Path:
    """Where the ledger is kept: as set, else systemd's state directory, else the user's."""
    if settings.folder:
        return Path(settings.folder).expanduser().absolute()
    return _folder_of("STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, systemd's cache directory, else the user's."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    return _folder_of("CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache")


def _folder_of(systemd: str, xdg: str, default: str) -> Path:
    if given := os.environ.get(systemd):
        return Path(given.split(":")[0])
    home = os.environ.get(xdg)
    return (Path(home) if home else Path.home() / default) / "arwatch"
