"""What a subtraction leaves at the edges of a frame, measured in its boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDE = 2
"""Boxes from the edge: the outermost ones may be incomplete, and are not measured then."""
FEWEST = 8
"""Boxes along each edge at least, so that a rim can be told from the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rim:
    """How much brighter than its middle a frame is at its edges after the subtraction."""

    level: float
    """Median of the boxes along the edges less that of the middle, in the unit of the levels; negative: darker."""
    corners: float
    """The same of the boxes in the four corners."""
    noise: float
    """Deviation of single boxes in the middle from their median, in that unit."""

    @property
    def is_dark(self) -> bool:
        """Whether the edges are darker than the middle by more than the noise of a box."""
        return self.level < -self.noise


def rim_of(levels: NDArray[np.float64]) -> Rim | None:
    """Measure what is left in boxes (my, mx); NaN where a box could not be measured. None: too few boxes.

    Medians leave out stars and what nebulae cover of the edges. The median of some 200 boxes has less than a tenth of
    the noise of one: on a flat sky it stays far from the limit of `Rim.is_dark`.
    """
    my, mx = levels.shape
    if min(my, mx) < FEWEST:
        return None
    inner = levels[my // 4 : -(my // 4), mx // 4 : -(mx // 4)]
    outside = np.ones(levels.shape, bool)
    outside[WIDE:-WIDE, WIDE:-WIDE] = False
    high, wide = max(WIDE, my // 8), max(WIDE, mx // 8)
    corners = np.zeros(levels.shape, bool)
    for y in (slice(high), slice(my - high, my)):
        for x in (slice(wide), slice(mx - wide, mx)):
            corners[y, x] = True
    known = np.isfinite(levels)
    if not (known & outside).any() or not (known & corners).any() or not np.isfinite(inner).any():
        return None
    middle = float(np.nanmedian(inner))
    return Rim(
        level=float(np.nanmedian(levels[outside])) - middle,
        corners=float(np.nanmedian(levels[corners])) - middle,
        noise=1.4826 * float(np.nanmedian(np.abs(inner - middle))),
    )
