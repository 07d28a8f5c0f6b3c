"""Exact medians by rank, fast: only a narrow bracket around the median is looked at closely.

Where the median is, is guessed; how good the guess was decides about the time, never about the result.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def select_median(
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
    bracket: tuple[int, int],
    guess: tuple[float, float],
    below: int,
    kept: int,
) -> tuple[float, tuple[int, int]]:
    """Return the median of the kept values: `kept` ones in ascending order after the `below` least.

    `bracket` says that `scratch[1:]` holds, from a call before, the values of so many ranks (second) from
    that rank on (first). Where those are not enough, new ones are collected around the guess (center and
    half width), in a bracket that is doubled towards the wanted ranks until it holds them.
    """
    lower, upper = below + (kept - 1) // 2, below + kept // 2
    start, count = bracket
    center, half = guess
    while lower < start or upper >= start + count:
        start, count = collect(values, scratch, center - half, center + half)
        center += -2 * half if lower < start else 2 * half
        half *= 2
    greater = select(scratch, count, upper - start + 1)
    lesser = scratch[1 : upper - start + 1].max() if lower < upper else greater
    return 0.5 * (lesser + greater), (start, count)


@kernel
def collect(values: NDArray[np.float64], found: NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    """Copy the values from `low` to `high` to `found[1:]`; return how many are less, and how many it took.

    Every value is copied, but the next one overwrites it unless it counts: no branch is mispredicted.
    """
    below = 0
    for i in range(values.size):
        below += int(values[i] < low)
    place = np.uint64(1)
    for i in range(values.size):
        value = values[i]
        found[place] = value
        place += np.uint64((value >= low) & (value <= high))
    return below, int(place) - 1


@kernel
def select(values: NDArray[np.float64], count: int, rank: int) -> float:
    """Return the value of a rank (from 1) of `values[1 : count + 1]`; those before it end up not greater.

    Hoare's quickselect. Unsigned indices, which cannot fall below 0 here, spare the check for negative ones.
    """
    one, wanted = np.uint64(1), np.uint64(rank)
    left, right = one, np.uint64(count)
    while left < right:
        pivot = values[wanted]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += one
            while pivot < values[j]:
                j -= one
            if i <= j:
                value = values[i]
                values[i] = values[j]
                values[j] = value
                i += one
                j -= one
        if j < wanted:
            left = i
        if wanted < i:
            right = j
    found: float = values[wanted]
    return found
