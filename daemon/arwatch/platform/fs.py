"""Looking at files and folders: stat, listing, and which kind of file system it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.model.job import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


LATEST_NS = 2**63 - 1
"""The year 2262: what is later (garbage from a broken file system) does not fit into the ledger."""


def look(path: Path) -> Look | None:
    """Size and time of a regular file; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Look(found.st_size, max(-LATEST_NS, min(found.st_mtime_ns, LATEST_NS)))


def scan(folder: Path, wanted: Callable[[str], bool], *, recursive: bool) -> Iterator[tuple[Path, Look]]:
    """Give the wanted files of a folder, oldest first, folder by folder; links to folders are not followed."""
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
            pass  # it vanished meanwhile (the watcher tells), or its disk is failing: what was found is there
        for mtime_ns, name, size in sorted(found):
            yield place / name, Look(size, mtime_ns)
        folders += [place / name for name in sorted(below, reverse=True)]


def file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Give the type of the file system that holds a path (`ext4`, `cifs`, ...); empty where unknown."""
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
