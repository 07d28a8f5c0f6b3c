"""What arwatch needs to know of a raw format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from arwatch.model.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFormat:
    """A kind of raw file. The daemon calls `sniff` and `needed_length`, workers call `sniff` and `decode`."""

    name: str
    """Name for people, such as ARW."""
    sniff: Callable[[bytes], bool]
    """Whether a file that begins with these bytes (`HEAD` of them, or all there are) may be of this kind."""
    needed_length: Callable[[BinaryIO, int], int]
    """Called with the open file and its length now; returns how long the file's own tables say that it must be.

    Both lengths are in bytes. It raises a FrameError if the file can never become a frame. It loads no heavy
    library, because the daemon calls it for each file that stopped growing."""
    decode: Callable[[BinaryIO], Frame]
    """Decodes a file that lies in memory, and may empty it; raises FrameError. It may load heavy libraries when it is
    called."""


HEAD = 16
"""How many bytes of a file's beginning tell formats apart."""
