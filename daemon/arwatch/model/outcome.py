"""What became of a frame: light values that cross process borders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from arwatch.errors import FailureCode
from arwatch.model.figures import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The output exists, complete, under its final name."""

    output: Path
    size: int
    """Bytes of the output."""
    figures: Figures
    renewed: bool = False
    """It replaced one that was made with other settings."""
    sighting: bytes = b""
    """The frame's brightest stars and its map, packed; empty: they were not measured."""
    field: bytes = b""
    """The star fields, this frame included, packed; empty: there are none."""
    not_measured: str | None = None
    """Why nothing is known of the stars, where that is a mistake of arwatch."""
    preview: Path | None = None
    """A small picture of the frame; None: there is none."""
    no_preview: str | None = None
    """Why there is none, or why the picture that shows the latest frame is an older one's."""
    left_alone: str | None = None
    """Why the output has another name than the frame's: what lies there and was not replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Nothing to do: the output is there."""

    output: Path
    size: int
    """Bytes of the output."""
    reason: str
    recipe: str | None = None
    """Digest of the settings that the output was made with."""
    outdated: bool = False
    """These are other settings than the job's: the output was kept, not renewed."""
    figures: Figures = field(default_factory=Figures)
    """As far as the output's header tells them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """The file changed, shrank or vanished while it was read: it goes back to settling."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No output; `reason` is for the photographer, `code` for programs."""

    code: FailureCode
    reason: str
    evidence: str = ""
    """The traceback of a mistake in arwatch, for a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of a frame that was only to be measured."""

    figures: Figures
    sighting: bytes
    """The frame's brightest stars and its map, packed."""
    field: bytes = b""
    """As that of `Written`."""


End: TypeAlias = Written | Skipped | Failed
"""How the work on a frame ends."""
Outcome: TypeAlias = End | Measured | Unsettled
