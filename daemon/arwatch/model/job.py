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
class Job:
    """What a worker needs to know to process one frame."""

    source: Source
    output: Path
    root: Path
    """Folder that the output must not leave through a symbolic link."""
    settings: Settings
    threads: int = 1
    force: bool = False
    """Process the frame also where its output is up to date."""
