"""Whether stars are drawn out by a trail, and how long it is.

The image of a trail is no ellipse: it has a flat top and sharp ends. An ellipse that is fitted to it is too long by up
to a tenth where the round image is a Gaussian, and too short by as much where it has wings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arwatch.stars.shapes import FLAW, GAUSSIAN, OUTLIER, WIDEST, Form

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.shapes import Fit

    Values = NDArray[np.float64]

DRAWN_OUT = 0.95
"""Short axis by long axis from which on stars are round enough not to ask."""
MOST_STARS, NODES, ROUNDS = 60, 7, 8
"""Stars that are fitted; images along the trail whose mean is the trail's; steps of the fit."""


class Trail(NamedTuple):
    """A round image, drawn out."""

    fwhm_px: float
    """Of the round image."""
    length_px: float
    angle_deg: float
    """From +x towards +y, 0 to 180."""

    @property
    def axis_ratio(self) -> float:
        """Short axis by long axis: the trail's second moment added to that of a Gaussian of the round image's size."""
        return float((1 + self.length_px**2 / 12 / (self.fwhm_px / 2.3548) ** 2) ** -0.5)


def trail_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8], fit: Fit, noise: Values, radius: float) -> Trail | None:
    """Fit a trail to stars that an ellipse was fitted to; None where they are round, or the ellipse fits better.

    Parameters
    ----------
    mosaic, pattern
        (ny, nx), ADU, and one period of its bands.
    fit
        Of the ellipse, to green samples.
    noise
        (n,) of a sample of each star's, ADU.
    radius
        In which samples are used, pixels.
    """
    long, short, angle = fit.form.axes
    if short > DRAWN_OUT * long:
        return None
    best = np.argsort(-fit.stars[:, 0], kind="stable")[:MOST_STARS]
    samples = _Samples.of(mosaic, pattern, fit.stars[best], noise[best], radius)
    length = (12 * (long**2 - short**2)) ** 0.5 / 2.3548
    start = np.array([np.log(short), fit.form.tail, *(length * f(np.radians(angle)) for f in (np.cos, np.sin))])
    found, cost = _least(lambda p: samples.left(_trailed(samples.dx, samples.dy, p)), start)
    if cost >= float((samples.left(_ellipse(samples.dx, samples.dy, fit.form)) ** 2).sum()):
        return None
    width, _, ax, ay = found
    return Trail(float(np.exp(width)), float(np.hypot(ax, ay)), float(np.degrees(np.arctan2(ay, ax)) % 180))


class _Samples(NamedTuple):
    """The green samples of all stars, one after the other."""

    star: NDArray[np.intp]
    value: Values
    dx: Values
    dy: Values
    noise: Values

    @classmethod
    def of(
        cls, mosaic: NDArray[Any], pattern: NDArray[np.uint8], stars: Values, noise: Values, radius: float
    ) -> _Samples:
        reach = int(radius) + 1
        steps = np.arange(-reach, reach + 1)
        rows, columns = (np.rint(stars[:, k]).astype(int)[:, None] + steps for k in (3, 2))
        rows, columns = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
        dx, dy = columns - stars[:, 2, None, None], rows - stars[:, 3, None, None]
        used = (rows >= 0) & (rows < mosaic.shape[0]) & (columns >= 0) & (columns < mosaic.shape[1])
        used &= (pattern[rows % pattern.shape[0], columns % pattern.shape[1]] == 1) & (np.hypot(dx, dy) < radius)
        star = np.nonzero(used)[0]
        value = mosaic[rows[used], columns[used]].astype(np.float64)
        return cls(star, value, dx[used], dy[used], noise[star])

    def left(self, shape: Values) -> Values:
        """Return what remains of each sample, deviations, with each star's best height and sky; far ones count less."""
        weight = 1 / self.noise**2
        n = int(self.star.max()) + 1
        w, f, v, ff, fv = (
            np.bincount(self.star, weight * part, n) for part in (1, shape, self.value, shape**2, shape * self.value)
        )
        height = (fv - f * v / w) / np.maximum(ff - f * f / w, 1e-9)
        light = height[self.star] * shape
        left = (self.value - light - ((v - height * f) / w)[self.star]) / np.hypot(self.noise, FLAW * light)
        return np.asarray(np.sign(left) * OUTLIER * np.sqrt(np.log1p((left / OUTLIER) ** 2)))


def _moffat(q: Values, tail: float) -> Values:
    return np.asarray(np.exp(np.log1p((2**tail - 1) * q) / -tail))


def _ellipse(dx: Values, dy: Values, form: Form) -> Values:
    return _moffat(form.xx * dx * dx + form.yy * dy * dy + 2 * form.xy * dx * dy, form.tail)


def _trailed(dx: Values, dy: Values, parameters: Values) -> Values:
    width, tail, ax, ay = parameters
    along, share = np.polynomial.legendre.leggauss(NODES)
    parts = (
        w / 2 * _moffat(((dx - t / 2 * ax) ** 2 + (dy - t / 2 * ay) ** 2) * 4 * np.exp(-2 * width), tail)
        for t, w in zip(along, share, strict=True)
    )
    return np.asarray(sum(parts))


def _least(left: Callable[[Values], Values], start: Values) -> tuple[Values, float]:
    """Minimise a sum of squares by steps of Levenberg and Marquardt; returns the parameters and the sum."""
    low, high = np.array([-1, GAUSSIAN, -40, -40]), np.array([3, WIDEST, 40, 40])
    now = np.clip(start, low, high)
    rest = left(now)
    damping = 1e-3
    for _ in range(ROUNDS):
        slopes = np.stack([(left(now + step) - rest) / step.max() for step in 1e-4 * np.eye(len(now))], 1)
        normal = slopes.T @ slopes
        trial = np.clip(
            now - np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), slopes.T @ rest), low, high
        )
        after = left(trial)
        if after @ after < rest @ rest:
            done = np.abs(trial - now).max() < 1e-3
            now, rest, damping = trial, after, damping / 10
            if done:
                break
        else:
            damping = 10 * damping + 1e-2
    return now, float(rest @ rest)
