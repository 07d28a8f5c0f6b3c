"""Size and time of files, lists of a folder's files, and the type of a file system."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from arwatch.model.job import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


LATEST_NS = 2**63 - 1
"""Nanoseconds since 1970 to the year 2262: later times, as broken file systems give, do not fit into the ledger."""

_TRIES = 5
"""How often a disk that fails now and then is asked whether it is mounted."""

NO_MORE_FILES = "the file system can hold no more files, whatever their size (df -i): remove some"


def files_left(folder: Path) -> int | None:
    """How many more files this user can make on a folder's file system; None where it does not count them.

    FAT and btrfs, for example, do not, and say that they can hold none at all.

    Raises
    ------
    OSError
    """
    found = os.statvfs(folder)
    return found.f_favail if found.f_files else None


class Marks(NamedTuple):
    """What tells a file from another one that took its name."""

    inode: int
    changed_ns: int
    """When name, mode or content last changed (ctime), nanoseconds since 1970."""

    def is_another_file(self, before: Marks) -> bool:
        """Whether another file has taken the name.

        A changed mode or one more hard link changes the time only; FAT and some FUSE file systems give a file another
        inode number each time that it is looked up.
        """
        return self.inode != before.inode and self.changed_ns != before.changed_ns


def look(path: Path) -> Look | None:
    """Return size and modification time of a regular file; None if there is none, or it cannot be looked at.

    Times before 1678 or after 2262 are replaced by these limits.
    """
    found = look_closely(path)
    return None if found is None else found[0]


def look_closely(path: Path) -> tuple[Look, Marks] | None:
    """Look at a file as `look` does, and tell what it can be known again by."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    seen = Look(found.st_size, max(-LATEST_NS, min(found.st_mtime_ns, LATEST_NS)))
    return seen, Marks(found.st_ino, found.st_ctime_ns)


def is_absent(path: Path) -> bool:
    """Whether there surely is nothing under this name; a disk that fails or is away says nothing about its files."""
    with suppress(OSError, ValueError):
        try:
            path.lstat()
        except FileNotFoundError:
            return path.parent.is_dir()
    return False


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
    return (found for found in scan_in_steps(folder, wanted, recursive=recursive) if found is not None)


def scan_in_steps(
    folder: Path, wanted: Callable[[str], bool], *, recursive: bool, look: Callable[[Path], Look | None] = look
) -> Iterator[tuple[Path, Look] | None]:
    """Scan as `scan` does, but give None after each file that is looked at: on a slow share each takes its time."""
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
                    yield None
        except OSError:
            pass  # the folder has vanished, or its disk fails: give the files that were found so far
        for mtime_ns, name, size in sorted(found):
            yield place / name, Look(size, mtime_ns)
        folders += [place / name for name in sorted(below, reverse=True)]


@dataclass(frozen=True, slots=True)
class Below:
    """What lies in the subfolders of a folder."""

    frames: int = 0
    folders: int = 0
    """Subfolders that hold some."""
    whole: bool = True
    """Whether all was counted; there may be more else."""

    def __str__(self) -> str:
        """Say it, as in `12 frames in 2 subfolders`."""
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        folders = "1 subfolder" if self.folders == 1 else f"{self.folders} subfolders"
        return f"{'' if self.whole else 'at least '}{frames} in {folders}"


MOST_ENTRIES = 100_000
"""So many files are counted in subfolders: who has more has been told enough."""


def count_below(folder: Path, wanted: Callable[[str], bool]) -> Below:
    """Count the wanted files in the subfolders of a folder."""
    below = Below()
    for below in count_below_in_steps(folder, wanted):  # noqa: B007 -- the last one counts
        pass
    return below


def count_below_in_steps(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Below]:
    """Count as `count_below` does, by names alone; give what is known so far after each file or folder."""
    folders, below, seen = [folder], Below(), 0
    while folders:
        place = folders.pop()
        frames_here = 0
        with suppress(OSError), os.scandir(place) as entries:  # it vanished, or may not be read
            for entry in entries:
                seen += 1
                if seen > MOST_ENTRIES:
                    yield replace(below, whole=False)
                    return
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    folders.append(place / entry.name)
                elif place != folder and wanted(entry.name):
                    frames_here += 1
                    below = replace(below, frames=below.frames + 1, folders=below.folders + (frames_here == 1))
                yield below


def mount_point(path: Path) -> Path:
    """Give the folder at which the file system that holds a path is mounted."""
    place = path.resolve()
    while not is_mounted(place):
        place = place.parent
    return place


def is_mounted(place: Path) -> bool:
    """Whether a file system is mounted at a folder; one that answers with errors only (a dead sshfs) counts as none."""
    for _ in range(_TRIES):
        with suppress(OSError):
            return place.is_mount()
    return False


def belongs_on_a_disk_that_is_away(path: Path, table: Path = Path("/etc/fstab")) -> bool:
    """Whether fstab(5) has a file system for a path that is not mounted now."""
    try:
        lines = table.read_bytes().splitlines()
    except OSError:
        return False
    places = [_unescaped(fields[1]) for line in lines if not line.startswith(b"#") and len(fields := line.split()) >= 2]
    real = path.absolute()
    return any(
        place.is_absolute() and place != place.parent and real.is_relative_to(place) and not is_mounted(place)
        for place in places
    )


def _unescaped(field: bytes) -> Path:
    r"""Give a path as fstab and /proc/mounts write it: space, tab, newline and backslash as \040, \011, \012, \134."""
    return Path(os.fsdecode(field.decode("unicode_escape").encode("latin-1")))


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
        place = _unescaped(point)
        if real.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), os.fsdecode(fs)
    return kind


def is_mounted_read_only(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether this process sees a path below a mount that is read-only; its file system itself is not asked.

    Source: proc(5), /proc/pid/mounts.
    """
    best, read_only = -1, False
    for line in mounts.read_bytes().splitlines():
        _, point, _, options, *_ = line.split(b" ")
        place = _unescaped(point)
        if path.is_relative_to(place) and len(place.parts) >= best:
            best, read_only = len(place.parts), b"ro" in options.split(b",")
    return read_only
