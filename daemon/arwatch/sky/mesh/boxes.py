"""Estimate level and noise of the boxes of a tile, from the samples that sigma clipping keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arwatch.sky.jit import kernel
from arwatch.sky.mesh.clipping import CHUNK, clipped_statistics
from arwatch.sky.mesh.filling import BandFilling, fill_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.sky.mesh.filling import Filling

ESTIMATORS = ("mode", "median", "mean", "sextractor")
"""Estimators of the settings; kernels know them by their index here."""


class TileBoxes(NamedTuple):
    """The boxes of one tile."""

    origin: tuple[int, int]
    """The frame's row and column of the first sample in the tile's planes; the column is a multiple of the
    colour pattern's width, so it may lie a little to the left of the boxes."""
    bounds: NDArray[np.int64]
    """(n, 4): top, bottom, left, right of each box in the frame's pixels."""
    last_is_remainder: bool
    """Whether the last box is the frame's lower right one and incomplete along both axes. photutils computes
    that box by itself, and `SigmaClip` treats a single box otherwise: see `clipped_statistics`."""


class BoxMethod(NamedTuple):
    """How a box's level is estimated."""

    fewest: int
    """A box that keeps fewer values is excluded."""
    sigma: float
    """Clipping limit in standard deviations."""
    rounds: int
    """Rounds of clipping at most."""
    estimator: int
    """Index in `ESTIMATORS`."""


@kernel
def tile_statistics(  # noqa: PLR0917 (kernels take arguments by position)
    values: NDArray[np.float64],
    counted: NDArray[np.bool_],
    zero_is_value: bool,
    boxes: TileBoxes,
    method: BoxMethod,
    level: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> None:
    """Estimate level and noise in each box of a tile.

    Parameters
    ----------
    values
        (pattern width, height, width), ADU: the tile as planes, see `filling`.
    counted
        (pattern height, pattern width): the places of the colour pattern whose values count.
    zero_is_value
        Whether 0 is a value like any other, or marks a missing sample.
    boxes
        The tile's boxes.
    method
        How they are estimated.
    level, noise
        (n,), ADU: the results; NaN for excluded boxes.
    """
    largest = 0
    for top, bottom, left, right in boxes.bounds:
        largest = max(largest, (bottom - top) * (right - left))
    buffer = np.empty(largest + 1)
    scratch = np.empty(largest + 1)
    chunks = np.empty((largest // CHUNK + 1, 4))
    for i in range(boxes.bounds.shape[0]):
        n = gather(values, counted, zero_is_value, boxes.origin, boxes.bounds[i], buffer)
        level[i] = noise[i] = np.nan
        if n >= method.fewest:
            readmits = not (boxes.last_is_remainder and i == boxes.bounds.shape[0] - 1)
            kept, median, mean, std = clipped_statistics(
                buffer[:n], scratch, chunks, (method.sigma, method.rounds), readmits
            )
            if kept >= method.fewest:
                level[i] = estimate(method.estimator, median, mean, std)
                noise[i] = std


@kernel
def fill_and_estimate(  # noqa: PLR0917 (kernels take arguments by position)
    planes: NDArray[np.float64],
    extent: tuple[int, int],
    filling: Filling,
    boxes: TileBoxes,
    method: BoxMethod,
    found: NDArray[np.float64],
) -> None:
    """Fill a tile and estimate its boxes, band after band, where constant weights hold everywhere.

    This does what `fill_tile` and `tile_statistics` do, in one call. Most tiles are of this kind, and with
    fewer calls from Python the threads wait less for the interpreter's lock.

    Parameters
    ----------
    planes
        (pattern width, height + 2 reach, margin + width + margin), ADU: the tile's window.
    extent
        (height, width) of the tile in a plane.
    filling
        How the bands are filled.
    boxes, method
        As for `tile_statistics`.
    found
        (3, 2, n), ADU: the results, level and noise of each band's boxes.
    """
    filled = np.empty((planes.shape[0], extent[0], extent[1]))
    everywhere = np.ones(filling.in_band.shape[1:], np.bool_)
    for band in range(filling.in_band.shape[0]):
        band_filling = BandFilling(filling.in_band[band], filling.weights, filling.scale[band])
        fill_tile(planes, band_filling, boxes.origin[0], filled)
        tile_statistics(filled, everywhere, True, boxes, method, found[band, 0], found[band, 1])


@kernel
def estimate_unfilled(  # noqa: PLR0917 (kernels take arguments by position)
    planes: NDArray[np.float64],
    in_band: NDArray[np.bool_],
    boxes: TileBoxes,
    fewest: NDArray[np.int64],
    method: BoxMethod,
    found: NDArray[np.float64],
) -> None:
    """Estimate a tile's boxes, band after band, from the band's own samples that are not 0, in one call.

    `planes` is the tile, without samples around it. `in_band` (3, pattern height, pattern width) is as in
    `Filling`, `fewest` (3,) is each band's and replaces that of `method`, and `found` is as for
    `fill_and_estimate`.
    """
    for band in range(in_band.shape[0]):
        band_method = BoxMethod(fewest[band], method.sigma, method.rounds, method.estimator)
        tile_statistics(planes, in_band[band], False, boxes, band_method, found[band, 0], found[band, 1])


@kernel
def gather(  # noqa: PLR0917 (kernels take arguments by position)
    values: NDArray[np.float64],
    counted: NDArray[np.bool_],
    zero_is_value: bool,
    origin: tuple[int, int],
    box: NDArray[np.int64],
    buffer: NDArray[np.float64],
) -> int:
    """Copy a box's values that count and are not missing into `buffer`; return how many they are.

    `box` is (top, bottom, left, right); the others are as for `tile_statistics`.
    """
    pattern_height, pattern_width = counted.shape
    top, bottom, left, right = box
    n = 0
    for y in range(top, bottom):
        for phase in range(pattern_width):
            if counted[y % pattern_height, phase]:
                start = (left - origin[1] - phase + pattern_width - 1) // pattern_width
                stop = (right - origin[1] - phase + pattern_width - 1) // pattern_width
                row = values[phase, y - origin[0], start:stop]
                if zero_is_value:
                    target = buffer[n : n + row.size]
                    for j in range(row.size):
                        target[j] = row[j]
                    n += row.size
                else:
                    for j in range(row.size):
                        buffer[n] = row[j]
                        n += row[j] != 0
    return n


@kernel
def estimate(estimator: int, median: float, mean: float, std: float) -> float:
    """Return the level of clipped values, ADU, by an estimator's index in `ESTIMATORS`.

    Source: photutils' `ModeEstimatorBackground`, `MedianBackground`, `MeanBackground` and
    `SExtractorBackground`.
    """
    if estimator == 0:
        return 3 * median - 2 * mean
    if estimator == 1:
        return median
    if estimator == 2 or std == 0:
        return mean
    if abs(mean - median) / std >= 0.3:
        return median
    return 2.5 * median - 1.5 * mean
