"""Sigma-clipped statistics of boxes: the exact median, mean and standard deviation of what clipping leaves.

A box's values are copied side by side and summed up in chunks of 128. A chunk remembers its extremes, so
that a round of clipping looks only into the chunks where something lies outside the new limits: stars are
few and close together.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel
from arwatch.sky.mesh.bands import fill_tile
from arwatch.sky.mesh.ranks import select, select_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 128
ESTIMATORS = ("mode", "median", "mean", "sextractor")


@kernel
def tile_statistics(
    values: NDArray[np.float64],
    used: NDArray[np.bool_],
    complete: bool,
    first: tuple[int, int],
    corner: bool,
    boxes: NDArray[np.int64],
    fewest: int,
    clipping: tuple[float, int],
    estimator: int,
    level: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> None:
    """Estimate level and noise in each box of a tile.

    Parameters
    ----------
    values
        (px, height, width): the tile, one column phase after the other.
    used
        (py, px): the phases of the colour pattern whose values count.
    complete
        Whether a value of 0 is a value; else it is a missing sample.
    first
        The frame's row of `values[0, 0]`, and the column of `values[0, 0, 0]`, a multiple of px.
    corner
        Whether the last of `boxes` is the frame's lower right remainder, which photutils clips otherwise.
    boxes
        (n, 4): top, bottom, left, right in the frame's pixels.
    fewest
        A box that keeps fewer values is excluded: NaN.
    clipping
        Limit in standard deviations, rounds at most.
    level, noise
        (n,): the results, ADU.
    """
    largest = 0
    for top, bottom, left, right in boxes:
        largest = max(largest, (bottom - top) * (right - left))
    buffer = np.empty(largest + 1)
    scratch = np.empty(largest + 1)
    chunks = np.empty((largest // CHUNK + 1, 4))
    for i in range(boxes.shape[0]):
        n = gather(values, used, complete, first, boxes[i], buffer)
        level[i] = noise[i] = np.nan
        if n >= fewest:
            readmits = not (corner and i == boxes.shape[0] - 1)
            kept, median, mean, std = clipped(buffer[:n], scratch, chunks, clipping, readmits)
            if kept >= fewest:
                level[i] = estimate(estimator, median, mean, std)
                noise[i] = std


@kernel
def plain_tile_statistics(
    planes: NDArray[np.float64],
    extent: tuple[int, int],
    own: NDArray[np.bool_],
    weights: NDArray[np.float64],
    scale: NDArray[np.float64],
    first: tuple[int, int],
    corner: bool,
    boxes: NDArray[np.int64],
    fewest: int,
    clipping: tuple[float, int],
    estimator: int,
    found: NDArray[np.float64],
) -> None:
    """Fill a tile and estimate its boxes, band after band, where constant weights hold everywhere.

    What `fill_tile` and `tile_statistics` do, in one call: most tiles are such, and between calls of kernels
    threads wait for each other. `extent` is the tile's height and its width in a plane; `own` and `scale`
    (3, py, px) are all bands', `found` (3, 2, n) is their levels and noises.
    """
    filled = np.empty((planes.shape[0], extent[0], extent[1]))
    everything = np.ones(own.shape[1:], np.bool_)
    for band in range(own.shape[0]):
        fill_tile(planes, own[band], weights, scale[band], first[0], filled)
        tile_statistics(
            filled, everything, True, first, corner, boxes, fewest, clipping, estimator, found[band, 0], found[band, 1]
        )


@kernel
def gather(
    values: NDArray[np.float64],
    used: NDArray[np.bool_],
    complete: bool,
    first: tuple[int, int],
    box: NDArray[np.int64],
    buffer: NDArray[np.float64],
) -> int:
    """Copy a box's values into `buffer`, those that are used and not missing; return how many."""
    py, px = used.shape
    top, bottom, left, right = box
    n = 0
    for y in range(top, bottom):
        for c in range(px):
            if used[y % py, c]:
                start = (left - first[1] - c + px - 1) // px
                stop = (right - first[1] - c + px - 1) // px
                row = values[c, y - first[0], start:stop]
                if complete:
                    place = buffer[n : n + row.size]
                    for j in range(row.size):
                        place[j] = row[j]
                    n += row.size
                else:
                    for j in range(row.size):
                        buffer[n] = row[j]
                        n += row[j] != 0
    return n


@kernel
def estimate(estimator: int, median: float, mean: float, std: float) -> float:
    """Return photutils' Mode-, Median-, Mean- or SExtractorBackground of clipped values."""
    if estimator == 0:
        return 3 * median - 2 * mean
    if estimator == 1:
        return median
    if estimator == 2 or std == 0:
        return mean
    if abs(mean - median) / std >= 0.3:
        return median
    return 2.5 * median - 1.5 * mean


@kernel
def clipped(
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
    chunks: NDArray[np.float64],
    clipping: tuple[float, int],
    readmits: bool,
) -> tuple[int, float, float, float]:
    """Clip as astropy's `SigmaClip` does; return how many values are kept, their median, mean and deviation.

    Every round computes its limits from what all rounds before have kept: the values between the highest
    lower limit and the lowest upper one. The rounds end when one clips nothing or everything. What counts
    then is the last round's limits applied to all values (`readmits`), which can take values back in that
    an earlier round clipped; astropy does so for arrays of boxes but not for a single one.
    """
    sigma, rounds = clipping
    lowest, highest = -np.inf, np.inf
    low, high = lowest, highest
    bracket = (0, 0)
    sum_chunks(values, chunks)
    guess = guess_median(values, chunks)
    kept, below, mean, std = summarise(values, chunks, low, high)
    for _ in range(rounds):
        median, bracket = select_median(values, scratch, bracket, guess, below, kept)
        before = kept
        low, high = median - sigma * std, median + sigma * std
        lowest, highest = max(low, lowest), min(high, highest)
        kept, below, mean, std = summarise(values, chunks, lowest, highest)
        if kept in (0, before):
            break
    if readmits and (low < lowest or high > highest):
        kept, below, mean, std = summarise(values, chunks, low, high)
    if kept:
        median, bracket = select_median(values, scratch, bracket, guess, below, kept)
    return kept, median, mean, std


@kernel
def sum_chunks(values: NDArray[np.float64], chunks: NDArray[np.float64]) -> None:
    """Note each chunk's least and greatest value, and its sums of differences to the first and of squares.

    Squares of differences keep the digits that squares of the values would lose.
    """
    pivot = values[0]
    for c in range((values.size + CHUNK - 1) // CHUNK):
        chunk = values[c * CHUNK : (c + 1) * CHUNK]
        least = greatest = chunk[0]
        for i in range(chunk.size):
            value = chunk[i]
            least = value if value < least else least  # noqa: FURB136 (min() does not become vector code)
            greatest = value if value > greatest else greatest  # noqa: FURB136
        total = squares = 0.0
        for i in range(chunk.size):
            difference = chunk[i] - pivot
            total += difference
            squares += difference * difference
        chunks[c, 0], chunks[c, 1], chunks[c, 2], chunks[c, 3] = least, greatest, total, squares


@kernel
def summarise(
    values: NDArray[np.float64], chunks: NDArray[np.float64], low: float, high: float
) -> tuple[int, int, float, float]:
    """Return how many values lie within the limits and how many below them, mean and deviation of the former.

    Chunks within the limits enter with the sums noted for them, the others value by value.
    """
    pivot = values[0]
    kept, below = 0, 0
    total = squares = 0.0
    for c in range((values.size + CHUNK - 1) // CHUNK):
        chunk = values[c * CHUNK : (c + 1) * CHUNK]
        if chunks[c, 0] >= low and chunks[c, 1] <= high:
            kept += chunk.size
            total += chunks[c, 2]
            squares += chunks[c, 3]
        else:
            for i in range(chunk.size):
                value = chunk[i]
                inside = (value >= low) & (value <= high)
                difference = value - pivot if inside else 0.0
                kept += int(inside)
                below += int(value < low)
                total += difference
                squares += difference * difference
    if kept == 0:
        return 0, below, 0.0, 0.0
    mean = total / kept
    variance = squares / kept - mean * mean
    if variance < 1e-6 * mean * mean:  # too few digits are left of the difference
        squares = 0.0
        for i in range(values.size):
            value = values[i]
            difference = value - pivot - mean if (value >= low) & (value <= high) else 0.0
            squares += difference * difference
        variance = squares / kept
    return kept, below, pivot + mean, math.sqrt(variance)


@kernel
def guess_median(values: NDArray[np.float64], chunks: NDArray[np.float64]) -> tuple[float, float]:
    """Guess where the median is, and within how much: around the median of the chunks' means."""
    count = (values.size + CHUNK - 1) // CHUNK
    means, deviations = np.empty(count + 1), np.empty(count + 1)
    for c in range(count):
        size = min(CHUNK, values.size - c * CHUNK)
        mean = chunks[c, 2] / size
        means[c + 1] = mean
        deviations[c + 1] = math.sqrt(max(chunks[c, 3] / size - mean * mean, 0.0))
    center = values[0] + select(means, count, count // 2 + 1)
    deviation = select(deviations, count, count // 2 + 1)
    return center, max(deviation * (0.03 + 1.5 / math.sqrt(values.size)), 1e-3)
