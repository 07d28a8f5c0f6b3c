"""What became of a frame: light values that cross process borders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """A band's sky, from the medians of its two meshes."""

    level: float
    """ADU."""
    noise: float
    """Standard deviation, ADU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The output exists, complete, under its final name."""

    output: Path
    size: int
    """Bytes of the output."""
    red: Sky
    green: Sky
    blue: Sky
    decode_s: float
    subtract_s: float
    """Seconds to find the sky; it is taken off while the file is written, in `write_s`."""
    write_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Nothing to do."""

    output: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """The file changed, shrank or vanished while it was read: it goes back to settling."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No output; `reason` is for the photographer, `code` for programs (see errors.py)."""

    code: str
    reason: str
    retriable: bool


Outcome: TypeAlias = Written | Skipped | Unsettled | Failed
