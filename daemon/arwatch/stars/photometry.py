"""Each peak held against the form of the stars: its place, its light in each band, and whether it is a star at all."""

# ruff: noqa: PLR0912, PLR0915, PLR0917 (compiled functions take their arguments by position, and few long ones are
# compiled sooner than many short ones)

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arwatch.sky.jit import kernel
from arwatch.sky.threads import share
from arwatch.stars.detect import RESPONSE
from arwatch.stars.shapes import Form
from arwatch.stars.stamps import Stamps, parts

WIDER = 2.0
"""A peak that a form so many times as wide explains better is none of a star."""


class Sources(NamedTuple):
    """What each peak is, seen as a star of the common form."""

    x: NDArray[np.float64]
    """(n,), pixels, from the green samples."""
    y: NDArray[np.float64]
    height: NDArray[np.float64]
    """(n, 3), ADU, of the profile in red, green, blue."""
    error: NDArray[np.float64]
    """(n, 3), ADU: its standard error by the noise of the sky."""
    star: NDArray[np.float64]
    """(n,) chi^2 that the form explains, all bands together."""
    pixels: NDArray[np.float64]
    """(n,) chi^2 that the two brightest pixels have alone."""
    wide: NDArray[np.float64]
    """(n,) chi^2 that a form twice as wide explains."""
    power: NDArray[np.float64]
    """(n,) chi^2 there is over that of noise, within the form's radius."""


def sources_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8], stamps: Stamps, form: Form,
               threads: int) -> Sources:  # fmt: skip
    """Fit place and brightness of the form to each peak."""
    n = len(stamps.x)
    found = np.full((n, 12), np.nan)
    radius = min(max(1.3 * form.axes[0], 2.6), 10.0)
    places, sky, noise = np.stack([stamps.x, stamps.y], 1), np.ascontiguousarray(stamps.sky), stamps.noise
    numbers, response = (form.xx, form.yy, form.xy, form.tail), np.array(RESPONSE)

    def some(part: slice) -> None:
        force(mosaic, pattern, places[part], sky[part], noise[part], numbers, radius, response, found[part])

    share(some, parts(n), threads)
    return Sources(
        x=found[:, 0], y=found[:, 1], height=found[:, 2:5], error=found[:, 5:8], star=found[:, 8], pixels=found[:, 9],
        wide=found[:, 10], power=found[:, 11],
    )  # fmt: skip


@kernel
def force(mosaic: NDArray[Any], pattern: NDArray[np.uint8], places: NDArray[np.float64], sky: NDArray[np.float64],
          noise: NDArray[np.float64], form: tuple[float, float, float, float], radius: float,
          response: NDArray[np.float64], found: NDArray[np.float64]) -> None:  # fmt: skip
    """Fill in a row of `found` (n, 12) for each place; see `sources_of` for the columns."""
    ny, nx = mosaic.shape
    py, px = pattern.shape
    xx, yy, xy, tail = form
    base = 2.0**tail - 1
    reach = int(radius) + 1
    for star in range(places.shape[0]):
        out = found[star]
        x0, y0 = places[star]
        cx, cy = int(x0 + 0.5), int(y0 + 0.5)
        # the place on the green samples: height and shift by least squares, three times
        for _ in range(4):
            aa, ax, ay, bx, bxy, by, ga, gx, gy = 1e-9, 0.0, 0.0, 1e-9, 0.0, 1e-9, 0.0, 0.0, 0.0
            for y in range(max(cy - reach, 0), min(cy + reach + 1, ny)):
                for x in range(max(cx - reach, 0), min(cx + reach + 1, nx)):
                    dx, dy = x - x0, y - y0
                    if pattern[y % py, x % px] != 1 or dx * dx + dy * dy > radius * radius or mosaic[y, x] == 0:
                        continue
                    inner = 1 + base * (xx * dx * dx + yy * dy * dy + 2 * xy * dx * dy)
                    shape = inner ** (-1 / tail)
                    steep = 2 * shape * base / (tail * inner)
                    sx, sy = steep * (xx * dx + xy * dy), steep * (yy * dy + xy * dx)
                    value = mosaic[y, x] - sky[star, 1]
                    aa += shape * shape
                    ax += shape * sx
                    ay += shape * sy
                    bx += sx * sx
                    bxy += sx * sy
                    by += sy * sy
                    ga += shape * value
                    gx += sx * value
                    gy += sy * value
            # of the three unknowns the height is taken out
            bx, by, bxy = bx - ax * ax / aa, by - ay * ay / aa, bxy - ax * ay / aa
            gx, gy = gx - ax * ga / aa, gy - ay * ga / aa
            det = bx * by - bxy * bxy
            if det <= 0:
                break
            mx, my = (by * gx - bxy * gy) / det, (bx * gy - bxy * gx) / det
            height = (ga - ax * mx - ay * my) / aa
            if height <= 0:
                break
            limit = 0.25 * radius
            x0 = min(max(x0 + min(max(mx / height, -limit), limit), cx - 3.0), cx + 3.0)
            y0 = min(max(y0 + min(max(my / height, -limit), limit), cy - 3.0), cy + 3.0)
            if abs(mx) + abs(my) < 0.003 * height:
                break
        out[0], out[1] = x0, y0
        out[2:] = 0
        best, second, power, samples = 0.0, 0.0, 0.0, 0
        star_v, star_s, wide_v, wide_s = 0.0, 1e-9, 0.0, 1e-9
        for y in range(max(cy - reach, 0), min(cy + reach + 1, ny)):
            for x in range(max(cx - reach, 0), min(cx + reach + 1, nx)):
                dx, dy = x - x0, y - y0
                if dx * dx + dy * dy > radius * radius or mosaic[y, x] == 0:
                    continue
                b = pattern[y % py, x % px]
                q = xx * dx * dx + yy * dy * dy + 2 * xy * dx * dy
                shape = (1 + base * q) ** (-1 / tail)
                value = (mosaic[y, x] - sky[star, b]) / noise[star, b]
                out[2 + b] += shape * value * noise[star, b]
                out[5 + b] += shape * shape
                expected = response[b] / noise[star, b]
                star_v += shape * expected * value
                star_s += (shape * expected) ** 2
                shape = (1 + base * q / (WIDER * WIDER)) ** (-1 / tail)
                wide_v += shape * expected * value
                wide_s += (shape * expected) ** 2
                power += value * value
                samples += 1
                if value > best:
                    best, second = value, best
                elif value > second:
                    second = value
        for b in range(3):
            out[2 + b] /= max(out[5 + b], 1e-9)
            out[5 + b] = noise[star, b] / max(out[5 + b], 1e-9) ** 0.5
        out[8] = max(star_v, 0.0) ** 2 / star_s
        out[9] = best * best + second * second
        out[10] = max(wide_v, 0.0) ** 2 / wide_s
        out[11] = power - samples
