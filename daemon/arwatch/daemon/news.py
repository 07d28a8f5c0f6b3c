"""News: what those who look at folders tell the daemon's loop, beside the verdicts of `settle.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.model.job import Look
    from arwatch.platform.fs import Below
    from arwatch.work.disk import Free


@dataclass(frozen=True, slots=True)
class Present:
    """A folder is there (again) and can be used."""

    folder: Path
    how: str
    """How it is watched, `native` or `polling`; empty where it only takes outputs."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A folder is not there, or cannot be used."""

    folder: Path
    why: str
    """With what to do about it."""
    leased: bool = False
    """Because another daemon watches it."""


@dataclass(frozen=True, slots=True)
class Writable:
    """Whether outputs can be written to a folder has changed."""

    folder: Path
    why_not: str | None
    """None: they can."""


@dataclass(frozen=True, slots=True)
class OutputFound:
    """What is there under the name of a frame's output."""

    path: Path
    """The frame."""
    look: Look
    """What the frame was when it was sighted."""
    output: Look | None
    """None: nothing."""


@dataclass(frozen=True, slots=True)
class Broke:
    """A thread ended by a mistake in the program; the folder gets another one."""

    folder: Path
    evidence: str
    """The traceback."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """A frame is there."""

    path: Path
    look: Look
    careful: bool
    """Seen in the first scan since the folder is there: what earlier runs did with the frame is to be checked."""
    replaced: bool = False
    """Another file took its name, though size and time are the same."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """A file that was there is not there any more: it was removed, or moved away."""

    path: Path


@dataclass(frozen=True, slots=True)
class Scanned:
    """A folder was gone through."""

    folder: Path
    careful: bool
    began: float = field(compare=False)
    """When, in monotonic seconds: what was ordered after that may have missed files."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Frames lie in subfolders that are not watched."""

    folder: Path
    below: Below

    def facts(self) -> dict[str, object]:
        """Give what the event tells."""
        reason = f"not watched: {self.below}; --recursive or [watch] recursive = true takes them, too"
        return {"folder": str(self.folder), "frames": self.below.frames, "reason": reason}


@dataclass(frozen=True, slots=True)
class State:
    """How a folder is now."""

    folder: Path
    silent_s: float
    """Seconds for which its file system has not answered; 0: nothing was asked."""
    free: Free
    """What could still be written there when that was last asked."""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The kernel dropped events; nobody knows of which folder."""


@dataclass(frozen=True, slots=True)
class ObserverDied:
    """One of watchdog's threads ended by an error."""

    evidence: str
    """The traceback."""
