"""What a night has given: frames, exposure, what the exposure is worth, and which causes it was lost to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.night.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arwatch.night.seen import Seen

PROCESSED = ("written", "skipped")
"""States of frames whose output is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the frames of a night."""

    frames: int
    """All that ended, however."""
    processed: int
    """Those whose output is there."""
    failed: int
    exposure_s: float
    """Of the processed frames, as far as it is known."""
    effective_s: float | None
    """What that is worth in the fields' usual sky; None: known of no frame."""
    measured_s: float
    """Exposure of the frames whose worth is known: what `effective_s` must be compared with."""
    causes: Mapping[Cause, int]
    """How many processed frames each cause was met in; a frame has one, its most serious. All causes are there."""


def totals(frames: Sequence[Seen], causes: Sequence[Cause]) -> Totals:
    """Add up a night.

    Parameters
    ----------
    frames : sequence of Seen
        One night.
    causes : sequence of Cause
        One for each frame, as `Night.causes` has them.
    """
    processed = [(frame, cause) for frame, cause in zip(frames, causes, strict=True) if frame.state in PROCESSED]
    worth = [
        (frame.exposure_s, frame.figures.effective_s) for frame, _ in processed if frame.figures.effective_s is not None
    ]
    return Totals(
        frames=len(frames),
        processed=len(processed),
        failed=sum(frame.state == "failed" for frame in frames),
        exposure_s=sum(frame.exposure_s for frame, _ in processed),
        effective_s=sum(effective_s for _, effective_s in worth) if worth else None,
        measured_s=sum(exposure_s for exposure_s, _ in worth),
        causes=dict.fromkeys(Cause, 0) | Counter(cause for _, cause in processed),
    )
