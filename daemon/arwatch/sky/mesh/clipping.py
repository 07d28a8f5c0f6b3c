"""Sigma-clipped statistics of one box: the exact median, mean and standard deviation of the values that are kept.

The values are summed up in chunks of 128. The extremes of each chunk are noted, so that a round of clipping
looks at single values only in chunks where something lies outside the new limits. These are few, because
stars are few and a star's pixels lie close together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel
from arwatch.sky.mesh.ranks import select, select_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 128
"""Values in a chunk."""

LEAST, GREATEST, TOTAL, SQUARES = range(4)
"""Columns of the array `chunks`: what is noted of each chunk (see `sum_chunks`)."""


@kernel
def clipped_statistics(
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
    chunks: NDArray[np.float64],
    clipping: tuple[float, int],
    readmits: bool,
) -> tuple[int, float, float, float]:
    """Clip values as astropy's `SigmaClip` does.

    Each round computes new limits around the median of the values kept so far, and keeps what also lies
    within the limits of all rounds before. The rounds end when one clips nothing or everything. astropy
    then applies the limits of the last round alone to all values, if it clips several boxes at once (it is
    given an `axis`); so a value that an early round clipped can be kept in the end. It does not do so for a
    single box. Example: with limits of 0 to 10 in the first round and of -2 to 8 in the second and last, the
    value -1 is kept with `readmits` and clipped without.

    Parameters
    ----------
    values
        (n,), ADU; at least one.
    scratch
        (n + 1,) at least: room to sort in.
    chunks
        (n // CHUNK + 1, 4) at least: room for the sums of chunks.
    clipping
        Limit in standard deviations, and rounds at most.
    readmits
        Whether the last round's limits alone decide.

    Returns
    -------
    tuple
        How many values are kept, and their median, mean and standard deviation, ADU.
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
    """Note of each chunk its least and greatest value, the sum of differences to `values[0]`, and of their squares.

    Differences are squared because values are not: at 10,000 ADU with a noise of 10, squares of values lose
    the six digits that the level takes up.
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
        chunks[c, LEAST], chunks[c, GREATEST], chunks[c, TOTAL], chunks[c, SQUARES] = least, greatest, total, squares


@kernel
def summarise(
    values: NDArray[np.float64], chunks: NDArray[np.float64], low: float, high: float
) -> tuple[int, int, float, float]:
    """Summarise the values from `low` to `high`: return their count, how many are below, their mean and deviation.

    Of chunks that lie within the limits the sums noted before are used, of others each value.
    """
    pivot = values[0]
    kept, below = 0, 0
    total = squares = 0.0
    for c in range((values.size + CHUNK - 1) // CHUNK):
        chunk = values[c * CHUNK : (c + 1) * CHUNK]
        if chunks[c, LEAST] >= low and chunks[c, GREATEST] <= high:
            kept += chunk.size
            total += chunks[c, TOTAL]
            squares += chunks[c, SQUARES]
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
    if variance < 1e-6 * mean * mean:  # the subtraction has cancelled too many digits: sum around the mean instead
        squares = 0.0
        for i in range(values.size):
            value = values[i]
            difference = value - pivot - mean if (value >= low) & (value <= high) else 0.0
            squares += difference * difference
        variance = squares / kept
    return kept, below, pivot + mean, math.sqrt(variance)


@kernel
def guess_median(values: NDArray[np.float64], chunks: NDArray[np.float64]) -> tuple[float, float]:
    """Guess the median of values: return the median of the chunks' means, and how far off it probably is at most."""
    count = (values.size + CHUNK - 1) // CHUNK
    means, deviations = np.empty(count + 1), np.empty(count + 1)
    for c in range(count):
        size = min(CHUNK, values.size - c * CHUNK)
        mean = chunks[c, TOTAL] / size
        means[c + 1] = mean
        deviations[c + 1] = math.sqrt(max(chunks[c, SQUARES] / size - mean * mean, 0.0))
    center = values[0] + select(means, count, count // 2 + 1)
    deviation = select(deviations, count, count // 2 + 1)
    return center, max(deviation * (0.03 + 1.5 / math.sqrt(values.size)), 1e-3)
