"""Whose output lies under a name, and which name a frame's output gets: an output belongs to one frame.

Nothing that is another frame's, or not arwatch's, is replaced unasked. What lies under a name is asked for its own
provenance: no ledger and no name is believed in its stead.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.errors import WriteError
from arwatch.output import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.model.job import Look
    from arwatch.output.fits import Provenance

_TO_MILLISECONDS = len("2026-11-21T20:15:03.120")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a frame is known by."""

    path: Path
    """Without symbolic links and `..`."""
    fingerprint: str
    """Of its content."""
    taken: str | None
    """Start of its exposure, ISO 8601; None: unknown."""
    fresh: bool = False
    """The file that was under this path before had gone: what was made from it is another frame's."""

    def rewrote(self, made: Provenance) -> bool:
        """Whether an output was made from what this file was before it was rewritten in place."""
        if self.fresh or _real(made.path) != self.path:
            return False
        # the camera's counter began again: the path is the same, the exposure is not
        before, now = made.figures.taken, self.taken
        return before is None or now is None or before[:_TO_MILLISECONDS] == now[:_TO_MILLISECONDS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A name that an output may get, and what lies there."""

    path: Path
    free: bool
    """Nothing lies there."""
    link: bool = False
    """A symbolic link lies there: `made` tells of the file that it leads to."""
    made: Provenance | None = None
    """None: nothing lies there, or what is not arwatch's."""

    def is_of_file(self, path: Path, look: Look) -> bool:
        """Whether what lies there was made from this very file, as far as path (a real one), size and time tell."""
        made = self.made
        return made is not None and (made.size, made.mtime_ns) == look and _real(made.path) == path

    def is_of_content(self, fingerprint: str) -> bool:
        """Whether what lies there was made from these bytes, whatever the file's name was."""
        return self.made is not None and self.made.fingerprint == fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a frame's output goes."""

    path: Path
    new: bool
    """Nothing may be replaced there."""
    replaces: Provenance | None = None
    """The frame's own output, which lies there."""
    left_alone: str | None = None
    """Why it is not the wanted name."""


def ask(path: Path) -> Candidate:
    """Look what lies under a name.

    Raises
    ------
    WriteError
        The file system does not say.
    """
    try:
        link = stat.S_ISLNK(path.lstat().st_mode)
        return Candidate(path=path, free=False, link=link, made=fits.asked(_real(path)))
    except (FileNotFoundError, NotADirectoryError):
        return Candidate(path=path, free=True)
    except OSError as error:
        raise WriteError(f"{path.name} in {path.parent} could not be looked at: {error.strerror or error}") from error


def choose(
    candidates: Sequence[Candidate], frame: Identity, *, given_away: bool = False, overwrite: bool = False
) -> Target:
    """Choose where a frame's output goes: in place of its own one, else under the first name that is free.

    Parameters
    ----------
    candidates : sequence of Candidate
        The names that it may get, the wanted one first, and what lies there.
    frame : Identity
        Whose output it is.
    given_away : bool
        The wanted name is another frame's, also where that frame's output was moved away.
    overwrite : bool
        The wanted name may be taken whatever lies there.

    Raises
    ------
    WriteError
        Others have all the names.
    """
    own = [candidate for candidate in candidates if candidate.is_of_content(frame.fingerprint)]
    own += [candidate for candidate in candidates if candidate.made is not None and frame.rewrote(candidate.made)]
    for candidate in own:
        if not candidate.link:
            return Target(path=candidate.path, new=False, replaces=candidate.made)
    wanted, *_ = candidates
    if overwrite:
        return Target(path=wanted.path, new=False)
    for candidate in candidates:
        if candidate is wanted and candidate.free and not given_away:
            return Target(path=candidate.path, new=True)
        if candidate is not wanted and candidate.free:
            return Target(path=candidate.path, new=True, left_alone=_whose(wanted))
    raise WriteError(
        f"{_whose(wanted)}, and so do its other names: move them away, or use `arwatch process --overwrite`"
    )


def _whose(candidate: Candidate) -> str:
    if candidate.made is None and not candidate.free:
        return f"{candidate.path.name} is not arwatch's"
    return f"{candidate.path.name} belongs to another frame"


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
