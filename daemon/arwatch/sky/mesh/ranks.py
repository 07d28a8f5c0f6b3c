"""Exact medians by rank: the values around a guessed median are collected, and only these are put in order.

A bad guess costs time, because more values must be collected, but it does not change the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def select_median(  # noqa: PLR0917 (kernels take arguments by position)
    values: NDArray[np.float64],
    scratch: NDArray[np.float64],
    bracket: tuple[int, int],
    guess: tuple[float, float],
    below: int,
    kept: int,
) -> tuple[float, tuple[int, int]]:
    """Return the median of the values that clipping kept.

    Parameters
    ----------
    values
        (n,), in any order.
    scratch
        (n + 1,) at least: `scratch[1:]` holds the values of the bracket, in any order.
    bracket
        (first, count): the ranks, from 0, of the values that an earlier call has left in `scratch`; (0, 0)
        for the first call. A bracket that does not hold the median is replaced by one around the guess,
        which is doubled and shifted towards the median until it holds it.
    guess
        Where the median probably is, and half the width of the bracket to begin with.
    below, kept
        The kept values are those of the ranks `below` to `below + kept - 1`.

    Returns
    -------
    tuple
        The median, and the bracket that is in `scratch` now.
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
    """Copy the values from `low` to `high` to `found[1:]`; return how many are less than `low`, and how many it copied.

    Each value is copied, and the next one overwrites it if it was not wanted. This is faster than a
    condition, which the processor would often predict wrongly.
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
    """Return the value of a rank (the least has rank 1) among `values[1 : count + 1]`.

    The values are reordered: those before `values[rank]` end up not greater than it, those behind it not less.
    Source: C. A. R. Hoare, "Algorithm 65: Find", Communications of the ACM 4 (1961).

    The indices are unsigned and begin at 1, so that they never fall below 0: numba then leaves out the code
    for negative indices, which count from the end.
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
