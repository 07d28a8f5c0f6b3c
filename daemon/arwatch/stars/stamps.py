"""Each peak by itself: the sky around it, its place, and its light in apertures, on the sensor's own samples."""

# ruff: noqa: PLR0912, PLR0915, PLR0917 (compiled functions take their arguments by position, and few long ones are
# compiled sooner than many short ones)

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arwatch.sky.jit import kernel
from arwatch.sky.threads import share
from arwatch.stars.ground import Ground

REACH = 12
"""Half of the stamp's edge, and the outer radius of the ring in which the sky is measured, pixels."""
RING = 8.0
"""The ring's inner radius, pixels."""
CORE, WHOLE = 1.5, 7.0
"""Radii of the two apertures, pixels; their edges are soft over a pixel."""
PART = 256
"""Peaks that a thread takes at once."""
FEWEST = 8
"""Samples of a band in the ring from which its sky is measured; with fewer it is the block's."""


class Stamps(NamedTuple):
    """What is known of each peak; the colours are red, green, blue."""

    x: NDArray[np.float64]
    """(n,), pixels."""
    y: NDArray[np.float64]
    sky: NDArray[np.float64]
    """(n, 3), ADU with black: median of the ring."""
    noise: NDArray[np.float64]
    """(n, 3), ADU: of a sample."""
    core: NDArray[np.float64]
    """(n, 3), ADU: light within 1.5 pixels, as if each pixel had the band's filter."""
    whole: NDArray[np.float64]
    """(n, 3), ADU: the same within 7 pixels."""
    top: NDArray[np.float64]
    """(n,) highest value within 5 pixels, ADU as it was read."""
    full: NDArray[np.int64]
    """(n,) samples within 7 pixels that are saturated."""
    one: NDArray[np.float64]
    """(n,) part of the light of the 3 x 3 pixels around the brightest one that is in that one."""
    moments: NDArray[np.float64]
    """(n, 3) second moments xx, yy, xy under a window, pixels^2."""

    def only(self, which: NDArray[Any]) -> "Stamps":
        """Return some of them."""
        return Stamps(*(values[which] for values in self))


def stamps_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8], x: NDArray[Any], y: NDArray[Any], ground: Ground,
              saturation: float, threads: int) -> Stamps:  # fmt: skip
    """Examine peaks near (x, y), pixels."""
    place = (slice(None), *ground.index(x, y))
    level, noise = (np.ascontiguousarray(part[place].T, np.float64) for part in (ground.level, ground.noise))
    n = len(x)
    found = np.full((n, 20), np.nan)
    density = np.array([1 / max((pattern == band).mean(), 1e-9) for band in range(3)])

    def some(part: slice) -> None:
        examine(mosaic, pattern, x[part], y[part], level[part], noise[part], saturation, density, found[part])

    share(some, parts(n), threads)
    return Stamps(
        x=found[:, 0], y=found[:, 1], sky=found[:, 2:5], noise=np.maximum(noise, 1e-3), core=found[:, 5:8],
        whole=found[:, 8:11], top=found[:, 11], full=found[:, 12].astype(np.int64), one=found[:, 13],
        moments=found[:, 14:17],
    )  # fmt: skip


def parts(count: int) -> list[slice]:
    """Cut so many peaks into parts that threads can share."""
    return [slice(first, first + PART) for first in range(0, count, PART)]


@kernel
def middle(values: NDArray[np.float64], start: float, noise: float) -> float:
    """Return the median to a hundredth of the noise, by halving: quicker than sorting so few."""
    low, high = start - 8 * noise, start + 8 * noise
    half = 0.5 * values.size
    for _ in range(40):
        guess = 0.5 * (low + high)
        below = 0.0
        for value in values:
            below += (value < guess) + 0.5 * (value == guess)
        if below < half:
            if guess > start + 7.9 * noise:  # brighter than the block all around
                high += 16 * (high - start)
            low = guess
        else:
            if guess < start - 7.9 * noise:
                low -= 16 * (start - low)
            high = guess
        if high - low < 0.01 * noise:
            break
    return 0.5 * (low + high)


@kernel
def examine(mosaic: NDArray[Any], pattern: NDArray[np.uint8], xs: NDArray[np.float64], ys: NDArray[np.float64],
            level: NDArray[np.float64], noise: NDArray[np.float64], saturation: float, density: NDArray[np.float64],
            found: NDArray[np.float64]) -> None:  # fmt: skip
    """Fill in a row of `found` (n, 20) for each peak; see `stamps_of` for the columns."""
    ny, nx = mosaic.shape
    py, px = pattern.shape
    size = 2 * REACH + 1
    light, band = np.zeros((size, size)), np.zeros((size, size), np.int64)
    ring, count = np.zeros((3, size * size)), np.zeros(3, np.int64)
    response = np.array([0.6, 1.0, 0.7])
    for star in range(xs.size):
        out = found[star]
        cx, cy = int(xs[star] + 0.5), int(ys[star] + 0.5)
        count[:] = 0
        top, full = 0.0, 0
        for i in range(size):
            for j in range(size):
                y, x = cy + i - REACH, cx + j - REACH
                if y < 0 or y >= ny or x < 0 or x >= nx:
                    band[i, j] = -1
                    continue
                value = float(mosaic[y, x])
                b = pattern[y % py, x % px]
                band[i, j] = b if value > 0 else -1
                light[i, j] = value
                r2 = (i - REACH) ** 2 + (j - REACH) ** 2
                if RING * RING <= r2 <= REACH * REACH and value > 0:
                    ring[b, count[b]] = value
                    count[b] += 1
                if r2 <= 25:
                    top = max(top, value)
                if r2 <= 49 and value >= saturation:
                    full += 1
        for b in range(3):
            out[2 + b] = level[star, b]
            if count[b] >= FEWEST:
                out[2 + b] = middle(ring[b, : count[b]], level[star, b], noise[star, b])
        for i in range(size):
            for j in range(size):
                if band[i, j] >= 0:
                    light[i, j] -= out[2 + band[i, j]]
        out[11], out[12] = top, full
        # the place: a mean under a window, of all bands
        x0, y0 = xs[star] - cx + REACH, ys[star] - cy + REACH
        for _ in range(3):
            total, mx, my = 1e-9, 0.0, 0.0
            for i in range(max(int(y0) - 4, 0), min(int(y0) + 6, size)):
                for j in range(max(int(x0) - 4, 0), min(int(x0) + 6, size)):
                    b = band[i, j]
                    if b >= 0 and light[i, j] > 0:
                        dx, dy = j - x0, i - y0
                        weight = light[i, j] / response[b] * max(1 - (dx * dx + dy * dy) / 16, 0.0) ** 2
                        total += weight
                        mx += weight * dx
                        my += weight * dy
            x0 = min(max(x0 + 1.3 * mx / total, REACH - 3.0), REACH + 3.0)
            y0 = min(max(y0 + 1.3 * my / total, REACH - 3.0), REACH + 3.0)
        out[0], out[1] = x0 + cx - REACH, y0 + cy - REACH
        out[5:11] = 0
        weights, mxx, myy, mxy = 1e-9, 0.0, 0.0, 0.0
        best, bi, bj = -1e30, REACH, REACH
        for i in range(size):
            for j in range(size):
                b = band[i, j]
                if b < 0:
                    continue
                dx, dy = j - x0, i - y0
                r2 = dx * dx + dy * dy
                r = r2**0.5
                value = light[i, j]
                if r < WHOLE + 0.5:
                    out[8 + b] += density[b] * value * min(WHOLE + 0.5 - r, 1.0)
                    weight = value / response[b] * max(1 - r2 / 49, 0.0) ** 2
                    weights += weight
                    mxx += weight * dx * dx
                    myy += weight * dy * dy
                    mxy += weight * dx * dy
                if r < CORE + 0.5:
                    out[5 + b] += density[b] * value * min(CORE + 0.5 - r, 1.0)
                if r < 2.5 and value > best:
                    best, bi, bj = value, i, j
        out[14], out[15], out[16] = mxx / weights, myy / weights, mxy / weights
        total = 0.0
        for i in range(max(bi - 1, 0), min(bi + 2, size)):
            for j in range(max(bj - 1, 0), min(bj + 2, size)):
                if band[i, j] >= 0:
                    total += light[i, j]
        out[13] = best / max(total, 1e-9)
