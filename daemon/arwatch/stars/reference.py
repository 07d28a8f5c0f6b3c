"""Star sizes by photutils, to hold the engine's against; only what verifies loads it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import convolve

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

EXPECTED_PX = 3.0
"""Star size that the search is made for."""
MOST = 60
"""Stars whose sizes are fitted: 2 ms each."""
BORDER = 12
"""Pixels from the frame's edge in which no star is fitted."""
_NEAR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)


def star_size(mosaic: NDArray[Any], colors: NDArray[np.uint8], white_level: float) -> float | None:
    """Give the median size (FWHM, pixels) of bright stars in green by `DAOStarFinder` and `fit_fwhm`; None: no stars.

    photutils measures images: the pixels of the other colours are filled in from green neighbours, which widens narrow
    stars by some per cent.

    Parameters
    ----------
    mosaic
        (ny, nx), ADU.
    colors
        (py, px): one period of LibRaw's colour indices.
    white_level
        Saturation, ADU: stars near to it are left out.
    """
    return stars_of(green_plane(mosaic, colors), white_level)[1]


def stars_of(
    plane: NDArray[np.float32], white_level: float, expected_px: float = EXPECTED_PX, most: int = MOST
) -> tuple[NDArray[np.float64], float | None]:
    """Give the places (n, 2) of stars in an image, brightest first, and the median size of the bright ones.

    Parameters
    ----------
    plane
        (ny, nx), ADU.
    white_level
        As for `star_size`.
    expected_px
        Star size that the search and the fits begin with.
    most
        Stars whose sizes are fitted.
    """
    from astropy.stats import sigma_clipped_stats  # noqa: PLC0415 -- heavy, as photutils is
    from photutils.detection import DAOStarFinder  # noqa: PLC0415
    from photutils.psf import fit_fwhm  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that do not converge
        _, level, noise = sigma_clipped_stats(plane[::3, ::5])
        found = DAOStarFinder(threshold=5 * noise, fwhm=expected_px)(plane - level)
        if found is None:
            return np.zeros((0, 2)), None
        found.sort("flux", reverse=True)
        # the columns' names are those of photutils before and since version 3
        x, y = (next(n for n in (f"{axis}_centroid", f"{axis}centroid") if n in found.colnames) for axis in "xy")
        places = np.column_stack([found[x], found[y]])
        inside = (places > BORDER).all(1) & (places < np.array(plane.shape[::-1]) - 1 - BORDER).all(1)
        good = places[inside & np.asarray(found["peak"] < 0.8 * (white_level - level))][:most]
        if not len(good):
            return places, None
        return places, float(np.median(fit_fwhm(plane - level, xypos=good, fwhm=expected_px, fit_shape=11)))


def green_plane(mosaic: NDArray[Any], colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Fill the pixels of other colours in from their green neighbours."""
    repeats = [-(-size // period) for size, period in zip(mosaic.shape, colors.shape, strict=True)]
    green = np.tile((colors == 1) | (colors == 3), repeats)[: mosaic.shape[0], : mosaic.shape[1]]
    values = np.where(green, mosaic, 0).astype(np.float32)
    weight = convolve(green.astype(np.float32), _NEAR, mode="mirror")
    filled: NDArray[np.float32] = convolve(values, _NEAR, mode="mirror") / weight
    return np.where(green, values, filled)
