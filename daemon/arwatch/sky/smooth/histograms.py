"""The level of the sky in each box of a frame, whatever stars there are in the box: one pass over the mosaic.

Histograms of the differences of neighbouring samples give the noise, which stars hardly change. Histograms of the
samples give the level, by a mean whose weights fall to zero at some multiples of the noise (Tukey's biweight),
so that it follows the hump of the sky and not the tail of the stars.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arwatch.sky.jit import kernel

NARROW, WIDE = 3.0, 6.0
"""Where the weights of the two means end, standard deviations (a tail of stars moves the wide one further), and bins
at least (where the noise is less than a step of the values, their mean must not stick to one)."""
STEEP, SECOND_MOMENT = 1.2, 0.771
"""How much wider than the noise a steep sky's lower half is; second moment of normal numbers, biweights to 4 sigma."""


@kernel
def box_levels(rows: NDArray[Any], first_row: int, edges: NDArray[np.int64], pattern: NDArray[np.uint8],
               binning: tuple[float, float, int], top: float, found: NDArray[np.float64]) -> None:  # fmt: skip
    """Measure a row of boxes: `found` (6, 3, mx) gets narrow mean, wide mean, spread, noise, samples, saturated share.

    `rows` (height, nx) are the frame's rows of these boxes, `first_row` the first one's place in the colour pattern
    (0 red, 1 green, 2 blue), `edges` (mx + 1) the boxes' columns, `top` the least value of a saturated sample; 0
    is a missing one. `binning` is the bins' origin and width, ADU, and their number; what is found is in bins.
    """
    origin, width, size = binning
    inverse = 1 / width
    py, px = pattern.shape
    values, steps = np.zeros((3, size), np.int32), np.zeros((3, size), np.int32)
    for box in range(edges.size - 1):
        full = np.zeros(3)
        least, most, largest = np.full(3, size - 1), np.zeros(3, np.int64), np.zeros(3, np.int64)
        for y in range(rows.shape[0]):
            for phase in range(px):
                band = pattern[(first_row + y) % py, phase]
                before = -1
                for x in range(edges[box] + (phase - edges[box]) % px, edges[box + 1], px):
                    sample = rows[y, x]
                    if sample == 0:
                        before = -1
                        continue
                    place = min(max(int((sample - origin) * inverse), 0), size - 1)
                    values[band, place] += 1
                    least[band], most[band] = min(least[band], place), max(most[band], place)
                    full[band] += sample >= top
                    if before >= 0:
                        steps[band, abs(place - before)] += 1
                        largest[band] = max(largest[band], abs(place - before))
                    before = place
        for band in range(3):
            counts, changes = values[band, : most[band] + 1], steps[band, : largest[band] + 1]
            total = counts[least[band] :].sum()
            noise = noise_of(changes)
            half = quantile(counts, least[band], 0.5 * total)
            # a sky that is steeper than the noise is wide widens the lower half, too, which stars hardly do
            spread = max(noise, (half - quantile(counts, least[band], 0.16 * total)) / STEEP)
            wide = biweight(counts, half, max(WIDE * spread, WIDE))
            narrow = biweight(counts, wide, max(NARROW * spread, NARROW))
            found[:, band, box] = np.array([narrow, wide, spread, noise, total, full[band] / max(total, 1)])
            counts[:], changes[:] = 0, 0


@kernel
def quantile(counts: NDArray[np.int32], first: int, wanted: float) -> int:
    """Return the bin, from `first` on, in which so many samples are reached."""
    below = 0
    for place in range(first, counts.size):
        below += counts[place]
        if below >= wanted:
            return place
    return first


@kernel
def noise_of(steps: NDArray[np.int32]) -> float:
    """Return the samples' standard deviation from the absolute differences of neighbours, bins."""
    noise = max(quantile(steps, 0, 0.5 * steps.sum()), 0.5)
    for _ in range(12):
        reach = 4 * 2**0.5 * noise
        weights, squares = 1e-9, 0.0
        for step in range(min(int(reach) + 1, steps.size)):
            part = 1 - (step / reach) ** 2
            weight = steps[step] * part * part
            weights += weight
            squares += weight * step * step
        noise = max((squares / weights / 2 / SECOND_MOMENT) ** 0.5, 0.3)
    return noise


@kernel
def biweight(counts: NDArray[np.int32], start: float, reach: float) -> float:
    """Return the mean under biweights around it, from a first guess: the hump that the guess leads to."""
    center = 1.0 * start
    for _ in range(30):
        weights, moment, slope = 1e-9, 0.0, 0.0
        for place in range(max(int(center - reach) + 1, 0), min(int(center + reach) + 1, counts.size)):
            away = (place - center) / reach
            part = 1 - away * away
            weights += counts[place] * part * part
            moment += counts[place] * part * part * away
            slope += counts[place] * part * (1 - 5 * away * away)
        # Newton's step where the sum of the weighted deviations falls well; else the step to the mean
        move = moment / max(slope, 0.3 * weights) * reach
        center += move
        if abs(move) < 1e-3:
            break
    return center
