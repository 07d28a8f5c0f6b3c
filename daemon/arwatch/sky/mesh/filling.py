"""Fill a band's missing samples from its own samples nearby, tile by tile.

A tile is a rectangle of whole boxes. Its window is the tile and as many pixels around it as the filling's
Gaussian reaches. The window is held as planes, one for each column of the colour pattern:
`planes[phase, y, j]` is the sample in row y of the window and in its column `pattern_width * j + phase`.
Samples of one colour are then neighbours in memory. A Bayer window has two planes, an X-Trans window six.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def gaussian(stddev: float) -> NDArray[np.float64]:
    """Return the weights of a Gaussian along one axis, not normalised.

    Parameters
    ----------
    stddev
        Standard deviation, pixels.

    Returns
    -------
    numpy.ndarray
        float64, odd in size: 1 in the middle, and as wide as astropy's `Gaussian2DKernel`, which is eight
        standard deviations. `gaussian(1)` has 9 values.
    """
    size = math.ceil(8 * stddev)
    reach = size // 2
    return np.exp(-0.5 * (np.arange(-reach, reach + 1) / stddev) ** 2)


class BandFilling(NamedTuple):
    """How one band is filled, as the kernels need it."""

    in_band: NDArray[np.bool_]
    """(pattern height, pattern width): which places of the colour pattern have samples of the band."""
    weights: NDArray[np.float64]
    """(2 reach + 1): the Gaussian along one axis."""
    scale: NDArray[np.float64]
    """(pattern height, pattern width): for a pixel at that place of the pattern, 1 over the summed weights
    of the band's samples around it; 0 where the Gaussian reaches none."""


class Filling(NamedTuple):
    """How the three bands are filled: the same for every frame of one pattern and one Gaussian."""

    in_band: NDArray[np.bool_]
    """(3, pattern height, pattern width): which places of the colour pattern have each band's samples."""
    weights: NDArray[np.float64]
    """(2 reach + 1): the Gaussian along one axis."""
    scale: NDArray[np.float64]
    """(3, pattern height, pattern width): see `BandFilling`."""

    @property
    def reach(self) -> int:
        """How many pixels the Gaussian reaches to each side."""
        return self.weights.size // 2

    @classmethod
    def of(cls, in_band: NDArray[np.bool_], weights: NDArray[np.float64]) -> Filling:
        """Compute `scale` for a colour pattern (3, pattern height, pattern width) and a Gaussian.

        Example: with `gaussian(1)` the weights at odd distances along one axis add up to 1.2353. The
        red samples around a blue pixel of a Bayer pattern lie at odd distances along both axes, so `scale` for
        red is there 1 / 1.2353**2 = 0.655.
        """
        pattern_height, pattern_width = in_band.shape[1:]
        rows = np.zeros((pattern_height, pattern_height))
        columns = np.zeros((pattern_width, pattern_width))
        for shift, weight in enumerate(weights, start=-(weights.size // 2)):
            for y in range(pattern_height):
                rows[y, (y + shift) % pattern_height] += weight
            for x in range(pattern_width):
                columns[x, (x + shift) % pattern_width] += weight
        total = rows @ in_band @ columns.T
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        return cls(in_band=in_band, weights=weights, scale=scale)

    def of_band(self, band: int) -> BandFilling:
        """Return how the band of this index is filled."""
        return BandFilling(self.in_band[band], self.weights, self.scale[band])


@kernel
def fill_tile(planes: NDArray[np.float64], filling: BandFilling, first_row: int, filled: NDArray[np.float64]) -> None:
    """Fill a tile whose window lies inside the frame and has no sample of value 0 in this band.

    In such a window the weights of the band's samples around a pixel depend only on the pixel's place in
    the colour pattern, so the normalised convolution is a sum with constant weights. The Gaussian is a
    product of one factor per axis, so the sum is taken along columns first and along rows second. Columns
    without samples of the band are skipped. The result is exact but for rounding.

    Parameters
    ----------
    planes
        (pattern width, height + 2 reach, margin + width + margin), ADU: the window. The margin, in columns
        of a plane, is reach / pattern width, rounded up.
    filling
        How the band is filled.
    first_row
        The frame's row of the tile's first row.
    filled
        (pattern width, height, width), ADU: the result.
    """
    pattern_height, pattern_width = filling.in_band.shape
    reach = filling.weights.size // 2
    height, width = filled.shape[1:]
    margin = (planes.shape[2] - width) // 2
    sums = np.empty((pattern_width, planes.shape[2]))
    for y in range(height):
        row_phase = (first_row + y) % pattern_height
        has_sum = sum_columns(planes, filling, first_row, y, sums)
        for phase in range(pattern_width):
            out = filled[phase, y]
            if filling.in_band[row_phase, phase]:
                copy(out, planes[phase, y + reach, margin:])
            elif filling.scale[row_phase, phase] == 0:
                out[:] = 0
            else:
                sum_row(sums, has_sum, filling.weights * filling.scale[row_phase, phase], phase, margin, out)


@kernel
def sum_columns(
    planes: NDArray[np.float64], filling: BandFilling, first_row: int, y: int, sums: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Compute the weighted sum of the band's samples along each column around row `y` of the tile.

    Fills `sums` (pattern width, plane width). Returns (pattern width): which planes have any sample of the
    band there; the `sums` of the others are not set. Samples are added in pairs, which saves one pass over
    `sums` for each pair.
    """
    in_band, weights = filling.in_band, filling.weights
    pattern_height, pattern_width = in_band.shape
    has_sum = np.zeros(pattern_width, np.bool_)
    for phase in range(pattern_width):
        waiting = -1
        for k in range(weights.size):
            if in_band[(first_row + y + k - weights.size // 2) % pattern_height, phase]:
                if waiting < 0:
                    waiting = k
                else:
                    one, other = planes[phase, y + waiting], planes[phase, y + k]
                    add_two(sums[phase], has_sum[phase], one, weights[waiting], other, weights[k])
                    has_sum[phase], waiting = True, -1
        if waiting >= 0:
            one, other = planes[phase, y + waiting], planes[phase, y]
            add_two(sums[phase], has_sum[phase], one, weights[waiting], other, 0.0)
            has_sum[phase] = True
    return has_sum


@kernel
def sum_row(  # noqa: PLR0917 (kernels take arguments by position)
    sums: NDArray[np.float64],
    has_sum: NDArray[np.bool_],
    weights: NDArray[np.float64],
    phase: int,
    margin: int,
    out: NDArray[np.float64],
) -> None:
    """Compute the weighted sum of the columns' sums around each pixel of one plane's row.

    `phase` is the plane, `out` (width) its row in the tile; `sums`, `has_sum` are of `sum_columns`.
    """
    pattern_width, reach = sums.shape[0], weights.size // 2
    begun = False
    for source in range(pattern_width):
        # the weights that meet columns of the plane `source`
        first = (source - phase + reach) % pattern_width
        for k in range(first if has_sum[source] else weights.size, weights.size, 2 * pattern_width):
            shift = margin + (phase + k - reach - source) // pattern_width
            paired = k + pattern_width < weights.size
            second = sums[source, shift + 1 :] if paired else sums[source, shift:]
            second_weight = weights[k + pattern_width] if paired else 0.0
            add_two(out, begun, sums[source, shift:], weights[k], second, second_weight)
            begun = True


@kernel
def add_two(  # noqa: PLR0917 (kernels take arguments by position)
    total: NDArray[np.float64],
    begun: bool,
    first: NDArray[np.float64],
    first_weight: float,
    second: NDArray[np.float64],
    second_weight: float,
) -> None:
    """Add two weighted rows to `total` if it holds a sum already (`begun`), else set it to theirs."""
    if begun:
        for j in range(total.size):
            total[j] += first_weight * first[j] + second_weight * second[j]
    else:
        for j in range(total.size):
            total[j] = first_weight * first[j] + second_weight * second[j]


@kernel
def copy(target: NDArray[np.float64], source: NDArray[np.float64]) -> None:
    """Copy as many values as `target` holds."""
    for j in range(target.size):
        target[j] = source[j]
