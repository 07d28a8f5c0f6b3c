"""How fast the field moves over the sensor, with dithers left out, and how long a trail that makes of each star."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.signs import Signs

_MOVES = 7
"""Moves from frame to frame whose median is the drift; three of them may be dithers."""
_FEWEST_MOVES = 4
_LONGEST_PAUSE_S = 900.0
"""Longer ones say nothing of a single exposure."""
_IN_LINE = 0.5
"""Part of the drift by which a move may differ from it and still belong to it."""
_MEDIANS_ERROR = 1.2533 * 1.4826
"""Standard error of a median, by the median absolute deviation and the root of the count."""


class Drift(NamedTuple):
    """The field's motion about a frame."""

    x_px_min: float
    y_px_min: float
    error_px_min: float
    """Its standard error: large where each frame was dithered."""
    trail_px: float
    """How far it goes in the frame's exposure."""
    is_known: bool
    """Whether it stands out: two thirds of the moves agree with it. Where each frame is dithered, they do not."""

    @property
    def px_min(self) -> float:
        """Speed, pixels a minute."""
        return math.hypot(self.x_px_min, self.y_px_min)

    @property
    def angle_deg(self) -> float:
        """Its direction as an axis, from +x towards +y, 0 to 180."""
        return math.degrees(math.atan2(self.y_px_min, self.x_px_min)) % 180


def moves(frames: Sequence[Signs]) -> list[complex | None]:
    """Give the motion since the frame before, pixels a minute, x real and y imaginary; None: not known."""
    found: list[complex | None] = []
    before: Signs | None = None
    for frame in frames:
        move = None
        if frame.place is not None:
            if before is not None and before.place is not None:
                seconds = frame.when - before.when
                if frame.field == before.field and frame.flipped == before.flipped and 0 < seconds < _LONGEST_PAUSE_S:
                    move = (complex(*frame.place) - complex(*before.place)) / seconds * 60
            before = frame
        found.append(move)
    return found


def drifts(frames: Sequence[Signs]) -> list[Drift | None]:
    """Give the drift at each frame, from the moves up to it; None: too few are known."""
    found: list[Drift | None] = []
    recent: list[complex] = []
    field: tuple[str | None, bool] = (None, False)
    for frame, move in zip(frames, moves(frames), strict=True):
        if (frame.field, frame.flipped) != field and frame.place is not None:
            field = (frame.field, frame.flipped)
            recent = []
        if move is not None:
            recent = [*recent, move][-_MOVES:]
        if len(recent) < _FEWEST_MOVES:
            found.append(None)
            continue
        x, y = median(m.real for m in recent), median(m.imag for m in recent)
        spread = math.hypot(median(abs(m.real - x) for m in recent), median(abs(m.imag - y) for m in recent))
        error = _MEDIANS_ERROR * spread / len(recent) ** 0.5
        speed = math.hypot(x, y)
        agree = sum(abs(m - complex(x, y)) < _IN_LINE * speed for m in recent)
        found.append(Drift(x, y, error, speed * frame.exposure_s / 60, is_known=3 * agree >= 2 * len(recent)))
    return found
