"""What a raw format must tell arwatch of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from arwatch.model.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFormat:
    """A kind of raw file. The daemon uses `sniff` and `needed_length`, workers `decode`."""

    name: str
    sniff: Callable[[bytes], bool]
    """Whether a file that begins with these bytes (`HEAD` of them, or all there are) may be of this kind."""
    needed_length: Callable[[BinaryIO, int], int]
    """(file, its length now in bytes) -> length that the file's own tables promise, bytes.

    Raises a FrameError where the file can never become a frame. Loads no heavy library."""
    decode: Callable[[bytes], Frame]
    """Decode a file's bytes; raises FrameError. May load heavy libraries when it is called."""


HEAD = 16
"""Bytes of a file's beginning by which formats are told apart."""
