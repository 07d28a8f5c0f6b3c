"""Where stars may be: peaks of the light in cells of 2 x 2 pixels, in units of its noise."""

# ruff: noqa: PLR0912, PLR0915, PLR0917 (compiled functions take their arguments by position, and few long ones are
# compiled sooner than many short ones)

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arwatch.sky.jit import kernel
from arwatch.sky.threads import share
from arwatch.stars.ground import Ground

THRESHOLD = 5.0
"""Least height of a peak, standard deviations: of 6 million cells of noise about two are so high."""
STRIPE = 64
"""Rows of cells that are searched at once."""
REGION, MOST = 64, 20
"""Edge of the regions, in cells, and the most peaks that are kept in each, the highest: in the Milky Way there are
more stars than are needed."""
ONE_PIXEL, TWO_PIXELS = 0.7, 0.93
"""Part of the light of 3 x 3 pixels: who has more of it in one or two pixels is no star."""
RESPONSE = (0.6, 1.0, 0.7)
"""What a star like the Sun gives in red, green and blue samples, about."""


class Peaks(NamedTuple):
    """Peaks in the order of the frame's stripes."""

    x: NDArray[np.float64]
    """(n,) column of the cell's middle, pixels."""
    y: NDArray[np.float64]
    height: NDArray[np.float32]
    """(n,) standard deviations."""


def find_peaks(mosaic: NDArray[Any], pattern: NDArray[np.uint8], ground: Ground, threads: int) -> Peaks:
    """Search a mosaic (ny, nx), ADU, for peaks over its sky."""
    height, width = (size // 2 for size in mosaic.shape)
    regions = -(-width // REGION)
    stripes = -(-height // STRIPE)
    found = np.zeros((stripes, regions * (STRIPE // REGION), MOST, 3), np.float32)
    weight = band_weights(ground)

    def search(stripe: int) -> None:
        first, last = stripe * STRIPE, min((stripe + 1) * STRIPE, height)
        above, below = max(first - 2, 0), min(last + 2, height)
        rows = mosaic[2 * above : 2 * below]
        peaks_of_stripe(rows, above, first, last, pattern, ground.level, ground.noise, ground.block, weight, THRESHOLD,
                        found[stripe])  # fmt: skip

    share(search, range(stripes), threads)
    peaks = found.reshape(-1, 3)
    peaks = peaks[peaks[:, 2] > 0]
    return Peaks(
        x=2.0 * peaks[:, 1].astype(np.float64) + 0.5, y=2.0 * peaks[:, 0].astype(np.float64) + 0.5, height=peaks[:, 2]
    )


def band_weights(ground: Ground) -> NDArray[np.float32]:
    """Return the weights by which samples of red, green and blue are summed for the least noise of a star's light."""
    noise = np.maximum(np.median(ground.noise, axis=(1, 2)), 1e-3) if ground.bands.all() else np.ones(3)
    weight = np.where(ground.bands, np.array(RESPONSE) / noise**2, 0)
    return np.asarray(weight / weight.max(), np.float32)


@kernel
def is_hot(rows: NDArray[Any], y: int, x: int, phase: int, under: NDArray[np.float32],
           scale: NDArray[np.float32]) -> bool:  # fmt: skip
    """Say whether the light of the cell whose first pixel is (y, x) comes from one or two pixels.

    In the image of a star of 1.6 pixels, the smallest that optics make, the brightest pixel has less than half of the
    light of the nine around it, and the two brightest ones have three quarters of it. `phase` is the row's place in
    the colour pattern.
    """
    py = under.shape[0]
    best, place = -1e30, (y, x)
    for a in range(y - 1, y + 3):
        k = (phase + a - y) % py
        for b in range(x - 1, x + 3):
            value = (rows[a, b] - under[k, b]) * scale[k, b]
            if value > best:
                best, place = value, (a, b)
    total, second = 0.0, 0.0
    for a in range(max(place[0] - 1, 0), min(place[0] + 2, rows.shape[0])):
        k = (phase + a - y) % py
        for b in range(max(place[1] - 1, 0), min(place[1] + 2, under.shape[1])):
            value = (rows[a, b] - under[k, b]) * scale[k, b]
            total += value
            if value > second and (a != place[0] or b != place[1]):
                second = value
    return best > ONE_PIXEL * total or best + second > TWO_PIXELS * total


@kernel
def peaks_of_stripe(rows: NDArray[Any], above: int, first: int, last: int, pattern: NDArray[np.uint8],
                    level: NDArray[np.float32], noise: NDArray[np.float32], block: int, weight: NDArray[np.float32],
                    threshold: float, found: NDArray[np.float32]) -> None:  # fmt: skip
    """Put the highest peaks of cell rows `first` to before `last` into `found` (regions, most, 3): row, column, height.

    `rows` are the mosaic's from that of cell row `above` on. The cells' light is smoothed by (1, 3, 1) along both
    axes, which keeps 0.88 of the signal to noise of stars of 1.6 pixels and 0.94 of those of 4.
    """
    py, px = pattern.shape
    my, mx = level.shape[1:]
    width = rows.shape[1] // 2
    height = rows.shape[0] // 2
    under, scale = np.zeros((py, 2 * width), np.float32), np.zeros((py, 2 * width), np.float32)
    across = np.zeros((3, width), np.float32)
    smooth = np.zeros((3, width), np.float32)
    counts = np.zeros(found.shape[0], np.int64)
    cell = np.zeros(width, np.float32)
    left, right, part = np.zeros(2 * width, np.int64), np.zeros(2 * width, np.int64), np.zeros(2 * width, np.float32)
    for x in range(2 * width):
        place = min(max((x + 0.5) / block - 0.5, 0.0), mx - 1.0)
        left[x] = int(place)
        right[x] = min(left[x] + 1, mx - 1)
        part[x] = place - left[x]
    line, spread = np.zeros((3, mx), np.float32), np.zeros(mx, np.float32)
    for i in range(height):
        y = 2 * (above + i)
        if i % 4 == 0:  # the sky under eight rows is the same
            place = min(max((y + 4.0) / block - 0.5, 0.0), my - 1.0)
            top = int(place)
            bottom, low = min(top + 1, my - 1), place - int(place)
            spread[:] = 0
            for band in range(3):
                for k in range(mx):
                    line[band, k] = level[band, top, k] * (1 - low) + level[band, bottom, k] * low
            for ky in range(py):
                for kx in range(px):
                    band = pattern[ky, kx]
                    for k in range(mx):
                        sigma = noise[band, top, k] * (1 - low) + noise[band, bottom, k] * low
                        spread[k] += (weight[band] * sigma) ** 2
            for k in range(mx):  # of the smoothed light: four samples a cell, and 11 = 1 + 9 + 1
                spread[k] = 1 / (11 * max((4 * spread[k] / (py * px)) ** 0.5, 1e-6))
            for ky in range(py):
                for x in range(2 * width):
                    band = pattern[ky, x % px]
                    a, b, t = left[x], right[x], part[x]
                    under[ky, x] = line[band, a] * (1 - t) + line[band, b] * t
                    scale[ky, x] = weight[band] * (spread[a] * (1 - t) + spread[b] * t)
        one, other = y % py, (y + 1) % py
        for k in range(width):
            a, b = 2 * k, 2 * k + 1
            cell[k] = ((rows[2 * i, a] - under[one, a]) * scale[one, a]
                       + (rows[2 * i, b] - under[one, b]) * scale[one, b]
                       + (rows[2 * i + 1, a] - under[other, a]) * scale[other, a]
                       + (rows[2 * i + 1, b] - under[other, b]) * scale[other, b])  # fmt: skip
        now = across[i % 3]
        for k in range(1, width - 1):
            now[k] = cell[k - 1] + 3 * cell[k] + cell[k + 1]
        if i < 2:
            continue
        before, mid = across[(i - 2) % 3], across[(i - 1) % 3]
        out = smooth[(i - 1) % 3]
        for k in range(1, width - 1):
            out[k] = before[k] + 3 * mid[k] + now[k]
        row = above + i - 2  # the middle one of three smoothed rows
        if i < 4 or row < first or row >= last:
            continue
        upper, here, lower = smooth[(i - 3) % 3], smooth[(i - 2) % 3], out
        for k in range(2, width - 2):
            peak = here[k]
            if peak < threshold or peak < here[k - 1] or peak <= here[k + 1]:
                continue
            if (peak < upper[k - 1] or peak < upper[k] or peak < upper[k + 1]
                    or peak <= lower[k - 1] or peak <= lower[k] or peak <= lower[k + 1]):  # fmt: skip
                continue
            if is_hot(rows, 2 * (i - 2), 2 * k, (y - 4) % py, under, scale):
                continue
            region = k // REGION
            place = counts[region]
            if place < MOST:
                counts[region] += 1
            else:
                place = 0
                for j in range(1, MOST):
                    if found[region, j, 2] < found[region, place, 2]:
                        place = j
                if found[region, place, 2] >= peak:
                    continue
            found[region, place, 0] = row
            found[region, place, 1] = k
            found[region, place, 2] = peak
