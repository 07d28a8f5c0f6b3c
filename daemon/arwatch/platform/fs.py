"""Size and time of files, lists of a folder's files, and the type of a file system."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.model.job import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


LATEST_NS = 2**63 - 1
"""Nanoseconds since 1970 to the year 2262: later times, as broken file systems give, do not fit into the ledger."""


def look(path: Path) -> Look | None:
    """Return size and modification time of a regular file; None if there is none, or it cannot be looked at.

    Times before 1678 or after 2262 are replaced by these limits.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Look(found.st_size, max(-LATEST_NS, min(found.st_mtime_ns, LATEST_NS)))


def scan(folder: Path, wanted: Callable[[str], bool], *, recursive: bool) -> Iterator[tuple[Path, Look]]:
    """Find the wanted files of a folder, oldest first, and then those of the folders in it.

    Parameters
    ----------
    folder
        Where to begin. A folder that cannot be listed is taken for empty.
    wanted
        Called with a file's name; tells whether it is wanted.
    recursive
        Whether to go into the folders below; hidden ones and symbolic links to folders are left out.

    Yields
    ------
    tuple of Path and Look
        Each file with its size and time.
    """
    folders = [folder]
    while folders:
        place = folders.pop()
        found: list[tuple[int, str, int]] = []
        below: list[str] = []
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if recursive and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                        below.append(entry.name)
                    elif wanted(entry.name) and (seen := look(place / entry.name)) is not None:
                        found.append((seen.mtime_ns, entry.name, seen.size))
        except OSError:
            pass  # the folder has vanished, or its disk fails: give the files that were found so far
        for mtime_ns, name, size in sorted(found):
            yield place / name, Look(size, mtime_ns)
        folders += [place / name for name in sorted(below, reverse=True)]


def file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the type of the file system that holds a path (`ext4`, `cifs`, ...); "" if it is not known.

    Source: proc(5), /proc/pid/mounts.
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return ""
    real = path.resolve()
    best, kind = -1, ""
    for line in lines:
        _, point, fs, *_ = line.split(b" ")
        # the kernel writes space, tab, newline and backslash as \040, \011, \012, \134
        place = Path(os.fsdecode(point.decode("unicode_escape").encode("latin-1")))
        if real.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), os.fsdecode(fs)
    return kind
