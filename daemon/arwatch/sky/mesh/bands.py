"""A band's missing samples filled in from its own colour, tile by tile.

A tile is a rectangle of whole boxes. Its window (the tile and the kernel's reach around it) lies in
memory one column phase of the colour pattern after the other: `planes[c, y, j]` is the window's row y at
the column `px * j + c` from its first one, so that samples of one colour are neighbours.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def gaussian(stddev: float) -> NDArray[np.float64]:
    """Return the Gaussian's values at the integers, as wide as astropy's `Gaussian2DKernel`, odd."""
    size = math.ceil(8 * stddev)
    reach = size // 2
    return np.exp(-0.5 * (np.arange(-reach, reach + 1) / stddev) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """How the bands are filled: the same for every frame of a camera with the same settings."""

    own: NDArray[np.bool_]
    """(3, py, px): where the pattern has each band's samples."""
    weights: NDArray[np.float64]
    """(2 reach + 1): the Gaussian along one axis."""
    scale: NDArray[np.float64]
    """(3, py, px): 1 over the weight of the band's samples around a pixel of that phase; 0 without any."""

    @classmethod
    def of(cls, own: NDArray[np.bool_], weights: NDArray[np.float64]) -> Filling:
        """Weigh the pattern's samples around each of its pixels."""
        py, px = own.shape[1:]
        rows = np.zeros((py, py))
        columns = np.zeros((px, px))
        for shift, weight in enumerate(weights, start=-(weights.size // 2)):
            for y in range(py):
                rows[y, (y + shift) % py] += weight
            for x in range(px):
                columns[x, (x + shift) % px] += weight
        total = rows @ own @ columns.T
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        return cls(own=own, weights=weights, scale=scale)


@kernel
def fill_tile(
    planes: NDArray[np.float64],
    own: NDArray[np.bool_],
    weights: NDArray[np.float64],
    scale: NDArray[np.float64],
    first_row: int,
    filled: NDArray[np.float64],
) -> None:
    """Fill a tile whose window lies inside the frame and has no sample of value 0 in this band.

    There the weights of the band's samples around a pixel depend on the pixel's place in the pattern
    only, so that the normalised convolution is a sum with constant weights; and the Gaussian is a product
    of one factor an axis, so that the sum is taken along columns first, then along rows. Only samples of
    the band enter: the pattern's phases without any are skipped. Exact but for rounding.

    `planes` (px, height + 2 reach, q + width + q) is the window, `first_row` the tile's first row in the
    pattern, `filled` (px, height, width) the result; q = ceil(reach / px).
    """
    py, px = own.shape
    reach = weights.size // 2
    height, width = filled.shape[1:]
    q = (planes.shape[2] - width) // 2
    sums = np.empty((px, planes.shape[2]))
    for y in range(height):
        phase = (first_row + y) % py
        used = sum_columns(planes, own, weights, first_row, y, sums)
        for c in range(px):
            out = filled[c, y]
            if own[phase, c]:
                copy(out, planes[c, y + reach, q:])
            elif scale[phase, c] == 0:
                out[:] = 0
            else:
                sum_row(sums, used, weights * scale[phase, c], c, q, out)


@kernel
def sum_columns(
    planes: NDArray[np.float64],
    own: NDArray[np.bool_],
    weights: NDArray[np.float64],
    first_row: int,
    y: int,
    sums: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Sum the band's samples around row `y` along each column, weighted; say which phases have any."""
    py, px = own.shape
    used = np.zeros(px, np.bool_)
    for c in range(px):
        waiting = -1
        for k in range(weights.size):
            if own[(first_row + y + k - weights.size // 2) % py, c]:
                if waiting < 0:
                    waiting = k
                else:
                    add_two(sums[c], used[c], planes[c, y + waiting], weights[waiting], planes[c, y + k], weights[k])
                    used[c], waiting = True, -1
        if waiting >= 0:
            add_two(sums[c], used[c], planes[c, y + waiting], weights[waiting], planes[c, y], 0.0)
            used[c] = True
    return used


@kernel
def sum_row(
    sums: NDArray[np.float64],
    used: NDArray[np.bool_],
    weights: NDArray[np.float64],
    c: int,
    q: int,
    out: NDArray[np.float64],
) -> None:
    """Sum the columns' sums around each pixel of column phase `c` along the row, weighted."""
    px, reach = sums.shape[0], weights.size // 2
    begun = False
    for source in range(px):
        # the taps whose column has the phase `source`
        first = (source - c + reach) % px
        for k in range(first if used[source] else weights.size, weights.size, 2 * px):
            shift = q + (c + k - reach - source) // px
            paired = k + px < weights.size
            second = sums[source, shift + 1 :] if paired else sums[source, shift:]
            other = weights[k + px] if paired else 0.0
            add_two(out, begun, sums[source, shift:], weights[k], second, other)
            begun = True


@kernel
def add_two(
    total: NDArray[np.float64],
    begun: bool,
    first: NDArray[np.float64],
    weight: float,
    second: NDArray[np.float64],
    other: float,
) -> None:
    """Add two weighted rows to `total`, or let `total` be their sum if it has not begun yet."""
    if begun:
        for j in range(total.size):
            total[j] += weight * first[j] + other * second[j]
    else:
        for j in range(total.size):
            total[j] = weight * first[j] + other * second[j]


@kernel
def copy(target: NDArray[np.float64], source: NDArray[np.float64]) -> None:
    """Copy as many values as `target` holds."""
    for j in range(target.size):
        target[j] = source[j]


@kernel
def fill_exactly(
    planes: NDArray[np.float64],
    own: NDArray[np.bool_],
    weights: NDArray[np.float64],
    frame: tuple[int, int],
    origin: tuple[int, int],
    rectangle: tuple[int, int, int, int],
    filled: NDArray[np.float64],
) -> None:
    """Fill a rectangle of a tile near the frame's edge or near samples of value 0.

    Sums values and weights apart, over the samples that are valid: the band's own that are
    not 0, and everything beyond the frame, where the value is 0 (astropy's boundary='fill'). Their
    quotient is the filled value; it is 0 where no sample is valid. Both sums are separable.

    `origin` is the tile's first row, and the column of its `filled[0, 0, 0]`, a multiple of px;
    `rectangle` (top, bottom, left, right) in the frame's pixels.
    """
    py, px = own.shape
    reach = weights.size // 2
    q = (planes.shape[2] - filled.shape[2]) // 2
    top, bottom, left, right = rectangle
    width = right - left
    values = np.zeros((bottom - top + 2 * reach, width + 2 * reach))
    valid = np.ones(values.shape)
    for i in range(values.shape[0]):
        y = top - reach + i
        for j in range(values.shape[1]):
            x = left - reach + j
            if 0 <= y < frame[0] and 0 <= x < frame[1]:
                sample = 0.0
                if own[y % py, x % px]:
                    sample = planes[x % px, y - origin[0] + reach, (x - origin[1]) // px + q]
                values[i, j] = sample
                valid[i, j] = sample != 0
    sums = np.empty((2, values.shape[1]))
    totals = np.empty((2, width))
    for y in range(top, bottom):
        sums[:] = 0
        totals[:] = 0
        for k in range(2 * reach + 1):
            add_scaled(sums[0], values[y - top + k], weights[k])
            add_scaled(sums[1], valid[y - top + k], weights[k])
        for k in range(2 * reach + 1):
            add_scaled(totals[0], sums[0, k:], weights[k])
            add_scaled(totals[1], sums[1, k:], weights[k])
        for x in range(left, right):
            value = values[y - top + reach, x - left + reach]
            if value == 0 and totals[1, x - left] > 0:
                value = totals[0, x - left] / totals[1, x - left]
            filled[x % px, y - origin[0], (x - origin[1]) // px] = value


@kernel
def add_scaled(total: NDArray[np.float64], values: NDArray[np.float64], weight: float) -> None:
    """Add `weight * values` to `total`."""
    for j in range(total.size):
        total[j] += weight * values[j]


@kernel
def find_zeros(planes: NDArray[np.float64], own: NDArray[np.bool_], first_row: int, found: NDArray[np.int64]) -> int:
    """List the band's samples of value 0 in a window as (row, plane, column) in `found`; count them all.

    `first_row` is the window's first row in the pattern. The list ends when `found` is full.
    """
    py, px = own.shape
    count = 0
    for c in range(px):
        for y in range(planes.shape[1]):
            if own[(first_row + y) % py, c]:
                row = planes[c, y]
                zeros = 0
                for j in range(row.size):
                    zeros += row[j] == 0
                if zeros:
                    for j in range(row.size):
                        if row[j] == 0:
                            if count < found.shape[0]:
                                found[count, 0], found[count, 1], found[count, 2] = y, c, j
                            count += 1
    return count
