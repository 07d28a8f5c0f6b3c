"""A mosaic as a picture for people: in colour, small or pixel by pixel, stretched so that faint light shows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from arwatch.sky.jit import REHEARSALS, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS: tuple[tuple[int, ...], ...] = ((0,), (1, 3), (2,))
"""LibRaw's colour indices of red, green and blue."""
_STEPS = 1 << 16
"""Of the table of grey levels; even where it is steepest, neighbours differ by less than a level."""


def block_of(shape: tuple[int, ...], colors: NDArray[np.uint8], longest: int) -> tuple[int, int]:
    """Give height and width of the blocks that become one pixel each, in a picture of at most `longest` pixels an edge.

    Blocks are whole periods of the colour pattern `colors` (py, px), as many down as across; `shape` is the mosaic's.
    """
    py, px = colors.shape
    periods = max(1, -(-(shape[0] // py) // longest), -(-(shape[1] // px) // longest))
    return py * periods, px * periods


def band_means(mosaic: NDArray[Any], colors: NDArray[np.uint8], block: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean of each band's samples in each whole block, (3, ny // height, nx // width): red, green, blue.

    Parameters
    ----------
    mosaic
        (ny, nx).
    colors
        (py, px): one period of LibRaw's colour indices from the first pixel on.
    block
        Height and width, pixels: whole periods.
    """
    bands = np.array([0, 1, 2, 1])[colors]
    samples = np.bincount(bands.ravel(), minlength=3) * (block[0] * block[1] / bands.size)
    light = np.zeros((3, mosaic.shape[0] // block[0], mosaic.shape[1] // block[1]), np.float32)
    _add_up(np.ascontiguousarray(mosaic), bands, block, 1 / np.maximum(samples, 1), light)
    return light


@kernel
def _add_up(
    mosaic: NDArray[Any],
    bands: NDArray[np.int64],
    block: tuple[int, int],
    weights: NDArray[np.float64],
    light: NDArray[np.float32],
) -> None:
    """Add the samples of each block, times their band's weight, to `light` (3, rows, columns).

    A block's rows of one phase are added up first, pixel by pixel, which becomes vector code.
    """
    high, wide = block
    py, px = bands.shape
    lines = np.empty((py, mosaic.shape[1]), np.float32)
    for y in range(light.shape[1]):
        lines[:] = np.float32(0.0)
        for k in range(high):
            line, row = lines[k % py], mosaic[y * high + k]
            for i in range(line.size):
                line[i] += np.float32(row[i])
        for phase in range(py):
            for start in range(px):
                band = bands[phase, start]
                for x in range(light.shape[2]):
                    total = 0.0
                    for i in range(x * wide + start, (x + 1) * wide, px):
                        total += lines[phase, i]
                    light[band, y, x] += weights[band] * total


def demosaiced(mosaic: NDArray[np.floating[Any]], colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a small mosaic with each band at every pixel, (ny, nx, 3): the mean of the band's samples nearby.

    They count the more the nearer they are: for Bayer patterns this is bilinear interpolation.

    Parameters
    ----------
    mosaic
        (ny, nx).
    colors
        (py, px): one period of LibRaw's colour indices from the first pixel on.
    """
    shape = mosaic.shape
    tiles = -(-shape[0] // colors.shape[0]), -(-shape[1] // colors.shape[1])
    indices = np.tile(colors, tiles)[: shape[0], : shape[1]]
    reach = 1 if max(colors.shape) <= 2 else 2
    picture = np.empty((*shape, 3), np.float32)
    for band, members in enumerate(BANDS):
        own = np.isin(indices, members)
        total, weight = _spread(np.where(own, mosaic, 0.0), reach), _spread(own.astype(np.float64), reach)
        np.divide(total, np.maximum(weight, 1.0), out=picture[:, :, band], casting="unsafe")
    return picture


def stretched(light: NDArray[np.floating[Any]], black: float, span: float, steep: float) -> NDArray[np.uint8]:
    """Return grey levels: `black` is 0, brighter by `span` is 255, between them it is asinh(steep x) / asinh(steep).

    Near black this is `steep` times as steep as it would be without a stretch, divided by asinh(steep).
    """
    index = light - np.asarray(black, light.dtype)
    index *= (_STEPS - 1) / span
    np.clip(index, 0, _STEPS - 1, out=index)
    return _levels(steep)[index.astype(np.uint16)]


@cache
def _levels(steep: float) -> NDArray[np.uint8]:
    part = np.linspace(0.0, 1.0, _STEPS)
    return np.asarray(np.rint(255 * np.arcsinh(steep * part) / np.arcsinh(steep)), np.uint8)


def _spread(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the sum of each pixel and its neighbours, with weights that fall by 1 a pixel from `reach` + 1 on."""
    for axis in (0, 1):
        total = (reach + 1) * values
        for distance in range(1, reach + 1):
            weight = reach + 1 - distance
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(distance, None), slice(None, -distance)
            total[tuple(behind)] += weight * values[tuple(ahead)]
            total[tuple(ahead)] += weight * values[tuple(behind)]
        values = total
    return values


def _rehearse() -> None:
    """Compile what a frame's preview needs, or load it from the cache."""
    bayer = np.array([[0, 1], [1, 2]], np.uint8)
    band_means(np.zeros((4, 4), np.uint16), bayer, (2, 2))


REHEARSALS.append(_rehearse)
