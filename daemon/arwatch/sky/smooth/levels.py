"""From the histograms of boxes to levels of the sky with their errors, stars' light taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from arwatch.sky.inputs import BANDS
from arwatch.sky.smooth.basis import Values
from arwatch.sky.smooth.histograms import box_levels
from arwatch.sky.threads import share

Mask = NDArray[np.bool_]

BOXES, SMALLEST = 2400, 32
"""In a frame, about: fewer smear glow at the edges. Edge at least, pixels: a histogram needs some hundred samples."""
TAIL = 1.8
"""What stars add to the narrow mean, in the difference of the wide and the narrow one: 0.7 for a uniform tail, 4.6
for one that falls as 1 / x, as that of Gaussian images of stars does; this is the geometric mean."""
ERROR, SKEWED = 1.63, 0.473
"""What that extrapolation makes of normal numbers: the standard error of n of them, times the root of n, and the shift
by which a distribution's skewness lowers its result, in skewness times deviation (Edgeworth's first term)."""
FULL, MOST_FULL, FEWEST = 0.985, 0.2, 0.3
"""Samples from this part of the white level on are saturated, and boxes with so many; known are boxes with so many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boxes:
    """The sky of the boxes of a frame."""

    level: Values
    error: Values
    noise: Values
    """(3, my, mx), ADU: of the sky above black; its standard error; standard deviation of a sample."""
    full: Mask
    """(3, my, mx): boxes whose sky is saturated, so that `level` is the white level, and a lower limit."""
    known: Mask
    """(my, mx): boxes with enough samples in every band."""
    rows: Values
    columns: Values
    """(my,), (mx,): the boxes' middles, pixels from the frame's edges."""


def measure(mosaic: NDArray[Any], pattern: NDArray[np.uint8], black: float, white: float, threads: int) -> Boxes:
    """Measure the boxes of a frame, in all bands."""
    edge = max(SMALLEST, (mosaic.size / BOXES) ** 0.5)
    down, across = (np.rint(np.linspace(0, n, max(round(n / edge), 1) + 1)).astype(np.int64) for n in mosaic.shape)
    bands = np.where(pattern == 3, 1, pattern).astype(np.uint8)
    origin, width, size, shift = _binning(mosaic, bands.shape[1], white)
    kind = np.uint16 if mosaic.dtype == np.uint16 else np.float64
    found = np.zeros((len(down) - 1, 6, 3, len(across) - 1))

    def of_row(i: int) -> None:
        rows = np.array(mosaic[down[i] : down[i + 1]], kind)
        box_levels(rows, int(down[i]), across, bands, (origin, width, size), FULL * white, found[i])

    share(of_row, range(len(down) - 1), threads)
    narrow, wide, spread, noise, count, saturated = found.transpose(1, 2, 0, 3)
    level = origin + shift - black + width * (narrow - TAIL * (noise / np.maximum(spread, 1e-9)) ** 2 * (wide - narrow))
    own = np.array([(bands == band).mean() for band in range(len(BANDS))])[:, None, None]
    known = np.asarray((count > FEWEST * own * np.diff(down)[:, None] * np.diff(across)).all(0))
    noise, full = noise * width, saturated > MOST_FULL
    level += SKEWED * _skewness(level, noise, known & ~full.any(0))
    level[full], error = white - black, ERROR * noise / np.sqrt(np.maximum(count, 1))
    rows, columns = (down[1:] + down[:-1]) / 2, (across[1:] + across[:-1]) / 2
    return Boxes(level=level, error=error, noise=noise, full=full, known=known, rows=rows, columns=columns)


def _binning(mosaic: NDArray[Any], period: int, white: float) -> tuple[float, float, int, float]:
    """Choose bins of a sixth of the noise: their origin, width and number, and where values lie in them on average.

    For integers the width is a multiple of the step in which the values come, which may be more than 1.
    """
    some = mosaic[:: max(1, len(mosaic) // 64)].astype(np.float64)
    valid = some[(some != 0) & (some < FULL * white)]
    if valid.size == 0:
        return 0.0, 1.0, 2, 0.0
    both = (some[:, period:] != 0) & (some[:, :-period] != 0)
    changes = np.abs(some[:, period:] - some[:, :-period])[both]
    width = float(np.median(changes)) / 6 if changes.size else 1.0
    low, high = min(float(valid.min()), 0.0), 1.05 * max(white, float(valid.max()))
    if mosaic.dtype.kind in "ui":
        of_step = {step: np.bincount((valid % step).astype(np.int64)).max() for step in (64, 32, 16, 8, 4, 2, 1)}
        step = next(step for step, most in of_step.items() if most > 0.98 * valid.size)
        width = step * max(1.0, width // step)
    width = max(width, (high - low) / 60_000)
    return low, width, int((high - low) / width) + 2, float(((valid - low) % width).mean())


def _skewness(level: Values, noise: Values, use: Mask) -> Values:
    """Return the skewness of photon noise times its deviation, ADU.

    That is gain^2 light / variance, with the gain (ADU an electron) from the quiet boxes of each level: the
    variance is read noise + gain * light, for all bands the same.
    """
    light, law = np.maximum(level, 0), []
    for x, y in zip(light[:, use], noise[:, use] ** 2, strict=True):
        groups = np.array_split(np.argsort(x, kind="stable"), 12) if x.size >= 60 else []
        law += [(x[group].mean(), np.quantile(y[group], 0.35)) for group in groups]
    mean, variance = np.array(law or [(0.0, 1.0)]).T
    (read, gain), _ = nnls(np.stack([1 / variance, mean / variance], 1), np.ones(len(mean)))
    return np.asarray(gain**2 * light / np.maximum(read + gain * light, 1e-9))
