"""Which peaks are stars, and which stars tell the form of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from arwatch.stars.model import CELLS
from arwatch.stars.stamps import CORE

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.photometry import Sources
    from arwatch.stars.stamps import Stamps

    Mask = NDArray[np.bool_]

CLEAN_SNR, CLEAR_OF, MOST_CLEAN, FEW = 30.0, 12.0, 300, 30
"""Stars that tell the form: least signal to noise; no neighbour within so many pixels; how many at most; and with how
few of them one is content with less."""
BRIGHT = 1000.0
"""Light of stars whose size is plain, in deviations of a sample."""
NEIGHBOUR = 0.1
"""Height of a neighbour that matters, part of the star's own."""
FULL = 0.9
"""Part of the saturation from which on a sensor is not trusted to be linear."""
SEEN = 5.0
"""Signal to noise from which on a star counts as seen in a band."""
SHARPEST = 0.6
"""Part of the light of 3 x 3 pixels that a star has in one of them, at most."""
PIXELS, WIDE, WIDE_SURE = 1.1, 1.1, 20.0
"""A star's form explains at most so many times less than its two brightest pixels alone do, and than a form twice as
wide does; for the latter there is a margin in chi^2."""
EXPLAINED = 0.4
"""Part of a peak's chi^2 that the form of a star explains at least."""


def clean(stamps: Stamps, height: NDArray[Any], shape: tuple[int, ...], saturation: float) -> NDArray[np.intp]:
    """Choose bright, single, unsaturated peaks, spread over the frame.

    Parameters
    ----------
    stamps, height
        Of all peaks.
    shape
        The mosaic's (ny, nx).
    saturation
        ADU.
    """
    inside = (np.minimum(stamps.x, shape[1] - 1 - stamps.x) > 8) & (np.minimum(stamps.y, shape[0] - 1 - stamps.y) > 8)
    core, whole = stamps.core[:, 1], stamps.whole[:, 1]
    good = inside & (stamps.top < FULL * saturation) & (stamps.one < SHARPEST) & (core > 0.1 * whole)
    light = np.where(good, whole / stamps.noise[:, 1], 0)
    brightest = np.argsort(-light, kind="stable")[: max(10, min(MOST_CLEAN, int((light > BRIGHT).sum())))]
    # of the best measure of a Gaussian image's light on every second pixel
    snr = light / (8 * np.pi * width_of(core[brightest], whole[brightest]) ** 2) ** 0.5
    enough = snr > CLEAN_SNR
    good &= enough if (good & enough).sum() >= FEW else snr > CLEAN_SNR / 2
    alone = good & ~crowded(stamps, height, CLEAR_OF)
    if alone.sum() < FEW:
        alone = good & ~crowded(stamps, height, CLEAR_OF / 2)
    chosen = np.flatnonzero(alone)
    return spread(chosen[np.argsort(-snr[chosen], kind="stable")], stamps, shape, MOST_CLEAN)


def width_of(core: NDArray[Any], whole: NDArray[Any]) -> float:
    """Return the standard deviation, pixels, of the Gaussian with as much of its light in the core as most stars."""
    part = np.clip(np.median(core / np.maximum(whole, 1e-9)), 0.05, 0.9) if len(core) else 0.5
    return float(CORE * (-0.5 / np.log(1 - part)) ** 0.5)


def crowded(stamps: Stamps, height: NDArray[Any], radius: float) -> Mask:
    """Say which peaks have a neighbour that matters."""
    out = np.zeros(len(height), bool)
    if len(height) > 1:
        pairs = cKDTree(np.stack([stamps.x, stamps.y], 1)).query_pairs(radius, output_type="ndarray")
        one, other = pairs.T
        out[one[height[other] > NEIGHBOUR * height[one]]] = True
        out[other[height[one] > NEIGHBOUR * height[other]]] = True
    return out


def spread(chosen: NDArray[np.intp], stamps: Stamps, shape: tuple[int, ...], most: int) -> NDArray[np.intp]:
    """Take in turn the best one of each cell of the frame, then the second one of each, up to so many."""
    cell = cells_of(stamps.x[chosen], stamps.y[chosen], shape)
    order = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(chosen), int)
    rank[order] = np.arange(len(chosen)) - first
    return chosen[np.argsort(rank, kind="stable")[:most]]


def cells_of(x: NDArray[Any], y: NDArray[Any], shape: tuple[float, ...]) -> NDArray[np.intp]:
    """Return which cell of the coarse maps, counted along the rows, each place lies in."""
    row = np.clip(np.asarray(y) * CELLS[0] // shape[0], 0, CELLS[0] - 1)
    return np.asarray(row * CELLS[1] + np.clip(np.asarray(x) * CELLS[1] // shape[1], 0, CELLS[1] - 1), np.intp)


def real(stamps: Stamps, sources: Sources, saturation: float) -> Mask:
    """Say which peaks are stars of the common form; saturated ones are none."""
    bright = np.maximum(sources.star, 1e-9)
    return np.asarray(
        (stamps.top < saturation)
        & (stamps.one < SHARPEST)
        & (sources.star > SEEN**2)
        & (sources.pixels < PIXELS * bright)
        & (sources.wide < WIDE * bright + WIDE_SURE)
        & (sources.star > EXPLAINED * sources.power)
        & (np.hypot(sources.x - stamps.x, sources.y - stamps.y) < 2.5)
        & np.isfinite(sources.x)
    )


def first_of_each(stamps: Stamps, weight: NDArray[Any], radius: float) -> Mask:
    """Say which peaks have no brighter one nearer than `radius`, pixels."""
    out = np.ones(len(weight), bool)
    if len(weight) > 1:
        pairs = cKDTree(np.stack([stamps.x, stamps.y], 1)).query_pairs(radius, output_type="ndarray")
        one, other = pairs.T
        fainter = (weight[one] < weight[other]) | ((weight[one] == weight[other]) & (one > other))
        out[np.where(fainter, one, other)] = False
    return out
