"""Raw files: which formats there are, how long a file must be, and what is in it.

A new format is a module or folder beside `arw` that makes a `RawFormat`, and a line in `FORMATS`.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, BinaryIO

from arwatch.errors import ReadError
from arwatch.formats.arw import ARW
from arwatch.formats.format import HEAD, RawFormat

if TYPE_CHECKING:
    from io import BufferedRandom
    from pathlib import Path

    from arwatch.model.frame import Frame

FORMATS: tuple[RawFormat, ...] = (ARW,)
"""The known formats."""


def format_of(head: bytes) -> RawFormat:
    """Return the format of a file that begins with these bytes.

    For unknown bytes it is the first of `FORMATS`, whose functions then raise an error that explains what the
    file is instead.
    """
    return next((known for known in FORMATS if known.sniff(head)), FORMATS[0])


def needed_length(file: BinaryIO, size: int) -> int:
    """Return how long a file must be, in bytes, to hold all that its own tables promise.

    Parameters
    ----------
    file
        The file, open for reading; its position is changed.
    size
        Its length in bytes as it is now.

    Returns
    -------
    int
        At most `size` if the file is complete, more if it is not.

    Raises
    ------
    FrameError
        The file can never become a frame.
    OSError
        The file cannot be read.
    """
    file.seek(0)
    return format_of(file.read(HEAD)).needed_length(file, size)


def length_of(path: Path, size: int) -> int:
    """Ask a file's own tables as `needed_length` does; where it cannot be read, the worker finds out why."""
    try:
        # a pipe that took its place must not keep us
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return needed_length(file, size)
    except OSError:
        return size


_PIECE = 1 << 20
"""Bytes that are copied at once."""


def load(path: Path) -> BufferedRandom:
    """Copy a raw file into memory, once: whatever is done with the copy, the file system can fail no more.

    Returns
    -------
    BufferedRandom
        A file without a name that lies in memory, at its beginning; closing it frees that.

    Raises
    ------
    NotRawError
        It is no raw file; nothing but its beginning was read.
    ReadError
        The file system did not give the bytes.
    FileNotFoundError
        There is no such file (any more).
    """
    try:
        with path.open("rb") as file:
            needed_length(file, os.fstat(file.fileno()).st_size)
            file.seek(0)
            copy = os.fdopen(os.memfd_create("frame"), "w+b")
            try:
                shutil.copyfileobj(file, copy, _PIECE)
                copy.flush()
                copy.seek(0)  # whoever reads it next, as for its digest, must get all of it
            except BaseException:
                copy.close()
                raise
            return copy
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ReadError(f"the file could not be read: {error.strerror or error}") from error


def decode(file: BinaryIO) -> Frame:
    """Decode a raw file of any known format.

    Parameters
    ----------
    file
        What `load` gave. It is empty afterwards: the frame's mosaic takes its room in memory.

    Returns
    -------
    Frame
        The visible mosaic (ny, nx) in ADU, its colour pattern, levels and exposure.

    Raises
    ------
    FrameError
        The file is incomplete, damaged, not supported or no raw file at all, or there is not enough memory.
    """
    file.seek(0)
    return format_of(file.read(HEAD)).decode(file)


def read(path: Path) -> Frame:
    """Load and decode a raw file of any known format; raises what `load` and `decode` raise."""
    with load(path) as file:
        return decode(file)
