"""The sky and its noise under the stars, block by block, from a sample of the mosaic's own values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import median_filter

from arwatch.sky.inputs import BANDS

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

SPACING, SAMPLES = 8, 8
"""Pixels from sample to sample, about; samples of a band along each edge of a block, whose edge is 64 pixels so."""
FEWEST = 0.75
"""Part of a block's samples that must be there."""
LOWER_HALF = 0.16
"""Rank of the value that lies one standard deviation under the median."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """Level and noise of a frame's blocks."""

    level: NDArray[np.float32]
    """(3, my, mx), ADU with black."""
    noise: NDArray[np.float32]
    """(3, my, mx), ADU: standard deviation of a sample."""
    block: int
    """Edge of the blocks, pixels; the last ones may be wider."""
    bands: NDArray[np.bool_]
    """(3,): which bands the pattern has."""

    def index(self, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the blocks, rows and columns, that pixels lie in."""
        my, mx = self.level.shape[1:]
        rows = np.clip(np.asarray(y) // self.block, 0, my - 1).astype(np.intp)
        return rows, np.clip(np.asarray(x) // self.block, 0, mx - 1).astype(np.intp)


def ground_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8]) -> Ground | None:
    """Measure level and noise of each block; None where no block of some band has enough samples.

    Parameters
    ----------
    mosaic
        (ny, nx), ADU; 0 is a missing sample.
    pattern
        One period of the bands, 0 red, 1 green, 2 blue.

    Notes
    -----
    The level is the mean of the middle half of the samples, which has digits that the median of integers lacks. The
    noise is the root of the mean square of what lies below it, since stars lie above.
    """
    period = math.lcm(*pattern.shape)
    step = period * max(1, round(SPACING / period))
    level, noise = np.full((2, 3, *(max(1, size // (step * SAMPLES)) for size in mosaic.shape)), np.nan, np.float32)
    bands = np.array([(pattern == band).any() for band in range(len(BANDS))])
    for band in np.flatnonzero(bands):
        row, column = np.argwhere(pattern == band)[0]
        _statistics(mosaic[row::step, column::step], level[band], noise[band])
        if np.isnan(level[band]).all():
            return None
        for values in (level[band], noise[band]):
            values[np.isnan(values)] = np.nanmedian(values)
        noise[band] = median_filter(noise[band], 3, mode="nearest")
    return Ground(level=level, noise=noise, block=step * SAMPLES, bands=bands)


def _statistics(samples: NDArray[Any], level: NDArray[np.float32], noise: NDArray[np.float32]) -> None:
    """Take level and noise of the blocks of a band's samples (rows, columns)."""
    my, mx = level.shape
    blocks = samples[: my * SAMPLES, : mx * SAMPLES]
    if blocks.shape != (my * SAMPLES, mx * SAMPLES):  # a frame that is smaller than a block
        if my > 1 or mx > 1 or samples.size < SAMPLES:
            return
        blocks = samples.reshape(1, 1, -1)
    else:
        blocks = blocks.reshape(my, SAMPLES, mx, SAMPLES).swapaxes(1, 2).reshape(my, mx, -1)
    ordered = np.sort(blocks, axis=-1).astype(np.float32)
    count = ordered.shape[-1]
    low, half = round(LOWER_HALF * count), count // 2
    level[:] = ordered[..., count // 4 : -(count // 4) or None].mean(-1)
    reach = 4 * (level - ordered[..., low]) + 1
    below = level[..., None] - ordered[..., :half]
    used = (below < reach[..., None]) & (ordered[..., :half] > 0)
    squares = np.where(used, below * below, 0).sum(-1) / np.maximum(used.sum(-1), 1)
    # rounding to whole numbers adds a twelfth, which stays in: the samples have it
    noise[:] = np.sqrt(squares)
    unknown = (ordered > 0).mean(-1) < FEWEST
    level[unknown], noise[unknown] = np.nan, np.nan
