"""A frame on its way to a worker: the file, and what is to be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from arwatch.settings import Settings


class Look(NamedTuple):
    """What stat said of a file."""

    size: int
    """Bytes."""
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file whose bytes were all there when it was looked at."""

    path: Path
    size: int
    """Bytes."""
    mtime_ns: int
    """Modification time, nanoseconds since 1970."""

    @property
    def look(self) -> Look:
        """What stat said of it."""
        return Look(self.size, self.mtime_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Which outputs that are there may be replaced; a frame's output from before its file changed always is."""

    current: bool = False
    """The frame's own, though it is up to date."""
    outdated: bool = False
    """The frame's own, made with other settings."""
    foreign: bool = False
    """Those of other frames, and files that are not arwatch's."""


KEEP = Replace()
"""Only what is missing is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker needs to know to process one frame."""

    source: Source
    output: Path
    """The wanted place; where that belongs to another frame, the worker takes another name in the same folder."""
    root: Path
    """Folder that the output must not leave through a symbolic link."""
    settings: Settings
    threads: int = 1
    only_measure: bool = False
    """Nothing is written: `output` is of no meaning."""
    replace: Replace = KEEP
    given_away: bool = False
    """The wanted name was given to another frame, whether its output still lies there or not."""
    field: bytes = b""
    """The star fields that the frame may be of, packed."""
    previews: Path | None = None
    """Folder for previews, in the state folder; None: none are made."""
    fresh: bool = False
    """The file that was under the source's path before had gone: this is another frame."""
