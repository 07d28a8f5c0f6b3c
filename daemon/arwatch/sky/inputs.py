"""Check mosaics and colour maps, and explain to the caller which ones cannot be used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

BANDS = {"red": (0,), "green": (1, 3), "blue": (2,)}
"""LibRaw's colour indices of each band."""

PERIODS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Heights and widths, pixels, of the colour patterns that are looked for in a full colour map."""


def checked_mosaic(mosaic: ArrayLike) -> NDArray[Any]:
    """Return the mosaic as a 2-D array of real, finite numbers.

    Raises
    ------
    TypeError
        It does not hold real numbers.
    ValueError
        It is not two-dimensional, is empty, or holds NaN or infinity.
    """
    array = np.asarray(mosaic)
    if array.dtype.kind not in "uif":
        raise TypeError(f"mosaic must hold real numbers in ADU, not {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"mosaic must be a two-dimensional array (ny, nx), not one of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("mosaic holds NaN or infinity; set missing samples to 0, which counts as missing")
    if array.dtype.kind == "f" and np.abs(array).max() > np.finfo(np.float32).max:
        raise ValueError("mosaic holds values that float32, in which the result is given, cannot hold")
    return array


def color_pattern(colors: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return one period (pattern height, pattern width) of the colour pattern.

    Parameters
    ----------
    colors
        LibRaw's colour indices, 0 red, 1 and 3 green, 2 blue: the map (ny, nx) of all pixels, or one period of
        it from the first pixel on.
    shape
        The mosaic's (ny, nx).

    Raises
    ------
    TypeError
        The colours are not integers.
    ValueError
        The shape is neither the mosaic's nor a pattern's, an index is none of 0, 1, 2, 3, or the map
        repeats itself in no pattern of up to 16 x 16 pixels.
    """
    array = np.asarray(colors)
    if array.dtype.kind not in "ui":
        raise TypeError(f"colors must hold LibRaw's colour indices (integers), not {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"colors must be a two-dimensional array, not one of shape {array.shape}")
    if array.shape != shape and max(array.shape) > PERIODS[-1]:
        raise ValueError(f"colors of shape {array.shape} are neither the mosaic's {shape} nor one pattern's")
    if array.min() < 0 or array.max() > 3:
        raise ValueError("colors must be 0 (red), 1 or 3 (green) or 2 (blue)")
    return _one_period(array).astype(np.uint8) if array.shape == shape else array.astype(np.uint8)


def _one_period(colors: NDArray[Any]) -> NDArray[Any]:
    """Return the smallest pattern that a full map (ny, nx) repeats; raise ValueError if there is none."""
    ny, nx = colors.shape
    height = next((p for p in PERIODS if p >= ny or np.array_equal(colors[p:], colors[:-p])), None)
    if height is None:
        raise ValueError("colors repeat themselves in no pattern of up to 16 rows")
    rows = colors[:height]
    width = next((p for p in PERIODS if p >= nx or np.array_equal(rows[:, p:], rows[:, :-p])), None)
    if width is None:
        raise ValueError("colors repeat themselves in no pattern of up to 16 columns")
    return rows[:, :width]


def fewest_samples(box: tuple[int, int], fraction: float) -> int:
    """Return how many samples a box must keep to be used: more than 90 %, photutils' default.

    Incomplete boxes at the right and lower edge must keep as many as whole ones. Example: a box of 100 x 100
    in a filled band must keep 9001 of its 10,000 samples; an incomplete box of 89 x 100 is never used.

    Parameters
    ----------
    box
        Height and width of a whole box, pixels.
    fraction
        Which part of the pixels can be samples: 1 in a filled band, 1/4 for red in a Bayer pattern.
    """
    return math.floor(0.9 * fraction * (box[0] * box[1])) + 1
