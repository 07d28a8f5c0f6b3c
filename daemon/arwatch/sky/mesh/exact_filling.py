"""Fill a band's missing samples near the frame's edge and near samples of value 0, where weights vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.sky.mesh.filling import BandFilling


class Rectangle(NamedTuple):
    """A rectangle of the frame, pixels; `bottom` and `right` are the first row and column outside of it."""

    top: int
    bottom: int
    left: int
    right: int

    def within(self, other: Rectangle) -> Rectangle:
        """Return the part that lies in another one; its size is not positive if there is none."""
        top, bottom = max(self.top, other.top), min(self.bottom, other.bottom)
        return Rectangle(top, bottom, max(self.left, other.left), min(self.right, other.right))


@kernel
def fill_exactly(  # noqa: PLR0917 (kernels take arguments by position)
    planes: NDArray[np.float64],
    filling: BandFilling,
    frame_shape: tuple[int, int],
    origin: tuple[int, int],
    rectangle: Rectangle,
    filled: NDArray[np.float64],
) -> None:
    """Fill a rectangle of a tile near the frame's edge or near samples of value 0.

    Valid are the band's own samples that are not 0, and everything beyond the frame, where the value is 0:
    so does astropy with `boundary="fill"`. The filled value is the weighted sum of the valid values over
    the sum of their weights; it is 0 where no sample is valid. Both sums are separable. Example: with
    `gaussian(1)` a missing red sample in the corner of a Bayer frame becomes 8 % of the red level around it,
    because most of the valid weights lie beyond the frame.

    Parameters
    ----------
    planes
        (pattern width, height + 2 reach, margin + width + margin), ADU: the tile's window.
    filling
        How the band is filled.
    frame_shape
        (ny, nx).
    origin
        The frame's row and column of `filled[0, 0, 0]`; the column is a multiple of the pattern's width.
    rectangle
        What to fill.
    filled
        (pattern width, height, width), ADU: the result; outside of the rectangle it is left as it is.
    """
    pattern_width, weights = filling.in_band.shape[1], filling.weights
    reach = weights.size // 2
    values, valid = valid_samples(planes, filling, frame_shape, origin, rectangle, filled.shape[2])
    width = rectangle.right - rectangle.left
    sums = np.empty((2, values.shape[1]))
    totals = np.empty((2, width))
    for y in range(rectangle.bottom - rectangle.top):
        sums[:] = 0
        totals[:] = 0
        for k in range(2 * reach + 1):
            add_scaled(sums[0], values[y + k], weights[k])
            add_scaled(sums[1], valid[y + k], weights[k])
        for k in range(2 * reach + 1):
            add_scaled(totals[0], sums[0, k:], weights[k])
            add_scaled(totals[1], sums[1, k:], weights[k])
        for x in range(width):
            value = values[y + reach, x + reach]
            if value == 0 and totals[1, x] > 0:
                value = totals[0, x] / totals[1, x]
            column = rectangle.left + x
            filled[column % pattern_width, rectangle.top + y - origin[0], (column - origin[1]) // pattern_width] = value


@kernel
def valid_samples(  # noqa: PLR0917 (kernels take arguments by position)
    planes: NDArray[np.float64],
    filling: BandFilling,
    frame_shape: tuple[int, int],
    origin: tuple[int, int],
    rectangle: Rectangle,
    tile_width: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the samples in and around a rectangle, and whether each is valid (1 or 0), for `fill_exactly`.

    Both are (rectangle's height + 2 reach, its width + 2 reach). The value is 0 where a sample is missing.
    `tile_width` is the width of the tile's planes.
    """
    pattern_height, pattern_width = filling.in_band.shape
    reach = filling.weights.size // 2
    margin = (planes.shape[2] - tile_width) // 2
    height = rectangle.bottom - rectangle.top + 2 * reach
    width = rectangle.right - rectangle.left + 2 * reach
    values = np.zeros((height, width))
    valid = np.ones((height, width))
    for i in range(height):
        y = rectangle.top - reach + i
        for j in range(width):
            x = rectangle.left - reach + j
            if 0 <= y < frame_shape[0] and 0 <= x < frame_shape[1]:
                sample = 0.0
                if filling.in_band[y % pattern_height, x % pattern_width]:
                    column = (x - origin[1]) // pattern_width + margin
                    sample = planes[x % pattern_width, y - origin[0] + reach, column]
                values[i, j] = sample
                valid[i, j] = sample != 0
    return values, valid


@kernel
def add_scaled(total: NDArray[np.float64], values: NDArray[np.float64], weight: float) -> None:
    """Add `weight * values` to `total`."""
    for j in range(total.size):
        total[j] += weight * values[j]


@kernel
def find_zeros(
    planes: NDArray[np.float64], in_band: NDArray[np.bool_], first_row: int, found: NDArray[np.int64]
) -> int:
    """List the band's samples of value 0 in a window, and return how many there are.

    Parameters
    ----------
    planes
        (pattern width, height, width), ADU: the window.
    in_band
        (pattern height, pattern width): where the pattern has samples of the band.
    first_row
        The frame's row of the window's first row.
    found
        (n, 3): the result, (row, plane, column in the plane) of the first n zeros.

    Returns
    -------
    int
        The count of all zeros; it may exceed n.
    """
    pattern_height, pattern_width = in_band.shape
    count = 0
    for phase in range(pattern_width):
        for y in range(planes.shape[1]):
            if in_band[(first_row + y) % pattern_height, phase]:
                row = planes[phase, y]
                zeros = 0
                for j in range(row.size):
                    zeros += row[j] == 0
                if zeros:
                    for j in range(row.size):
                        if row[j] == 0:
                            if count < found.shape[0]:
                                found[count, 0], found[count, 1], found[count, 2] = y, phase, j
                            count += 1
    return count
