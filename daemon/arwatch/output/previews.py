"""The folder of previews: how they are called, how one gets there, and that it does not grow without end.

A frame's preview is `previews/DSC00001-0123456789ab.jpg` in the state folder, beside it `....crops.jpg`. The digits are
a digest of the frame's path, size and time, which the history has, too: who reads that finds the preview of a frame
(`preview_name`) without opening the frame or its output.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from arwatch.output.publish import make_folder, published
from arwatch.platform.beneath import open_beneath

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "previews"
"""In the state folder."""
LATEST = "latest.jpg"
CROPS = ".crops.jpg"
"""In the place of `.jpg`: parts of the frame, pixel by pixel."""
_NAME = re.compile(r".*-[0-9a-f]{12}(\.crops)?\.jpg", re.DOTALL)
_LONGEST_STEM = 50
"""Characters; with four bytes each and all that follows, a name stays within the 255 bytes of file systems."""
_KEPT_PART, _COUNTED_PART = 0.95, 0.02
"""A folder that is too big is brought down to this part of its limit, and looked at when a process has added that part:
looking takes 10 ms where there are thousands of previews."""

_added: dict[Path, int] = {}
"""Bytes that this process has put into a folder since it looked at its size."""


def preview_name(path: Path, size: int, mtime_ns: int) -> str:
    """Name the preview of a frame.

    Parameters
    ----------
    path
        Of the frame.
    size
        Bytes.
    mtime_ns
        Modification time, nanoseconds since 1970.
    """
    digest = hashlib.sha256(b"%b\0%d\0%d" % (os.fsencode(path), size, mtime_ns)).hexdigest()
    return f"{path.stem[:_LONGEST_STEM]}-{digest[:12]}.jpg"


def keep(folder: Path, pictures: dict[str, bytes], keep_mib: int) -> None:
    """Put pictures (by their names) into the folder of previews, and remove the oldest where these are too many.

    The folder may not be a link, and is made where it is missing; the one that it lies in, too.

    Raises
    ------
    NoSpaceError, WriteError
    """
    state = folder.parent
    for name, data in pictures.items():
        if not folder.is_dir():
            make_folder(folder / name, within=state)
        with published(folder / name, within=state, synced=False) as file:
            file.write(data)
    limit = keep_mib << 20
    _added[folder] = _added.get(folder, limit) + sum(map(len, pictures.values()))  # a process that is new looks at once
    if _added[folder] > _COUNTED_PART * limit:
        _added[folder] = 0
        with suppress(OSError):  # what stands in the way is found again, or the next picture tells of it
            _remove_oldest(folder, limit)


def show_latest(path: Path, picture: bytes, mtime_ns: int) -> None:
    """Let a file show the latest frame: it gets the frame's modification time, and one that is later stays.

    Of several workers the one with the older frame may be the last; and who processes an old night again does not want
    it before the running one's. A time in the future, as of a clock that was wrong, does not count.

    Raises
    ------
    NoSpaceError, WriteError
    """
    with suppress(OSError):
        shown_ns = path.lstat().st_mtime_ns
        if mtime_ns < shown_ns <= time.time_ns():
            return
    with published(path, synced=False) as file:
        file.write(picture)
        file.flush()
        os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))


def _remove_oldest(folder: Path, limit: int) -> None:
    """Remove the previews that were written first, until the rest has fewer bytes than the limit; nothing else."""
    opened = open_beneath(folder.parent, folder)
    try:
        with os.scandir(opened) as found:
            ours = [
                (entry.stat(follow_symlinks=False), entry.name)
                for entry in found
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
        total = sum(file.st_size for file, _ in ours)
        if total <= limit:
            return
        for file, name in sorted(ours, key=lambda one: (one[0].st_mtime_ns, one[1])):
            if total <= _KEPT_PART * limit:
                break
            with suppress(FileNotFoundError):  # another worker removed it
                os.unlink(name, dir_fd=opened)
            total -= file.st_size
    finally:
        os.close(opened)
