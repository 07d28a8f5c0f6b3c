"""Causes that cost a night its stars, and the stretches of frames in which one was at work."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """What a frame suffers from; of several, the one that stands first here is told as the frame's cause."""

    CAP_ON = "cap_on"
    """The frame is dark: no stars, no sky."""
    NO_VERDICT = "no_verdict"
    """Too few stars to say anything, or nothing was measured."""
    OBSTRUCTION = "obstruction"
    """Something stands before the sky and grows from an edge of the frame."""
    CLOUDS = "clouds"
    DEW = "dew"
    DEFOCUS = "defocus"
    DRIFT = "drift"
    """The field moves while a frame is exposed."""
    WIND = "wind"
    """Gusts or bumps: single frames with stars drawn out one way."""
    STRAY_LIGHT = "stray_light"
    TWILIGHT = "twilight"
    MOON = "moon"
    GOOD = "good"
    """None of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of frames, by their indices in the night, in which a cause was at work."""

    cause: Cause
    onset: int
    """The first frame that suffers."""
    last: int
    """The last one that does, of those seen."""
    ended: bool
    """Whether enough good frames followed."""
    evidence: str
    """One sentence."""
    frames: frozenset[int] = field(default=frozenset())
    """Those that show it: between two patches of cloud there may be good ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A span with the frames' numbers and times in place of indices."""

    cause: Cause
    first: int
    """Number of the first frame that suffers."""
    last: int
    """Number of the last one, of those seen."""
    onset: float
    """Start of the first one, seconds as `Seen.when` counts them."""
    end: float | None
    """End of the last one's exposure; None: it goes on."""
    frames: int
    """How many frames show it."""
    evidence: str
    """One sentence."""
