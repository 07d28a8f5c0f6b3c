"""The form of the stars' images, from all of them together.

One profile, its place and brightness free for each star, is fitted to the samples of one band. Where a band has every
fourth pixel only, no single star tells its size; many at all places between the pixels do.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arwatch.sky.jit import kernel

LIGHT, GROUND, X, Y, XX, YY, XY, TAIL = range(8)
"""Parameters: of each star its height, the sky under it, its place; of all of them the form and its tail."""
GAUSSIAN, WIDEST = 0.004, 0.65
"""Bounds of the tail, 1 / beta of a Moffat profile; the least one is a Gaussian, but for a thousandth."""
ROUNDS, ENOUGH, STILL = 30, 0.05, 3e-3
"""Steps at most; fall of chi^2 and change of the form, in parts of it and in the tail, with which they end."""
OTHER_TAIL = 0.05
"""By how much the tails of two bands differ, about."""
FLAW = 0.01
"""What a profile leaves unexplained of its light, about: it weighs like noise."""
OUTLIER = 4.0
"""Standard deviations from which on a sample counts less (Cauchy's weight)."""


class Form(NamedTuple):
    """A profile: half of its height is reached where xx dx^2 + yy dy^2 + 2 xy dx dy = 1 (pixels)."""

    xx: float
    yy: float
    xy: float
    tail: float

    @property
    def fwhm(self) -> float:
        """Geometric mean of the long and the short full width at half maximum, pixels."""
        return float(2 / (self.xx * self.yy - self.xy**2) ** 0.25)

    @property
    def axes(self) -> tuple[float, float, float]:
        """Long and short full width at half maximum, pixels, and the long one's angle from +x to +y, degrees."""
        mean, half = (self.xx + self.yy) / 2, np.hypot((self.xx - self.yy) / 2, self.xy)
        angle = np.degrees(np.arctan2(-2 * self.xy, self.yy - self.xx)) / 2 % 180
        return float(2 / (mean - half) ** 0.5), float(2 / (mean + half) ** 0.5), float(angle)


@kernel
def normal_equations(mosaic: NDArray[Any], pattern: NDArray[np.uint8], band: int, stars: NDArray[np.float64],
                     noise: NDArray[np.float64], form: tuple[float, float, float, float], radius: float, flaw: float,
                     matrix: NDArray[np.float64], vector: NDArray[np.float64],
                     cost: NDArray[np.float64]) -> None:  # fmt: skip
    """Fill in each star's normal equations, `matrix` (n, 8, 8) and `vector` (n, 8), and `cost` (n, 2), with samples.

    `stars` (n, 4) are height, sky, x, y; `noise` (n,) that of a sample, ADU.
    """
    ny, nx = mosaic.shape
    py, px = pattern.shape
    xx, yy, xy, tail = form
    base = 2.0**tail - 1
    slope = np.log(2.0) * 2.0**tail
    slopes = np.zeros(8)
    slopes[GROUND] = 1
    for star in range(stars.shape[0]):
        height, ground, x0, y0 = stars[star]
        h, g = matrix[star], vector[star]
        h[:], g[:] = 0, 0
        total, used = 0.0, 0.0
        for y in range(max(int(y0 - radius), 0), min(int(y0 + radius) + 2, ny)):
            for x in range(max(int(x0 - radius), 0), min(int(x0 + radius) + 2, nx)):
                dx, dy = x - x0, y - y0
                if pattern[y % py, x % px] != band or dx * dx + dy * dy > radius * radius or mosaic[y, x] == 0:
                    continue
                q = xx * dx * dx + yy * dy * dy + 2 * xy * dx * dy
                inner = 1 + base * q
                logarithm = np.log(inner)
                shape = np.exp(-logarithm / tail)
                steep = -height * shape * base / (tail * inner)  # by q
                left = mosaic[y, x] - ground - height * shape
                sigma2 = noise[star] ** 2 + (flaw * height * shape) ** 2
                weight = 1 / (sigma2 + left * left / OUTLIER**2)
                slopes[LIGHT] = shape
                slopes[X] = -2 * steep * (xx * dx + xy * dy)
                slopes[Y] = -2 * steep * (yy * dy + xy * dx)
                slopes[XX], slopes[YY], slopes[XY] = steep * dx * dx, steep * dy * dy, 2 * steep * dx * dy
                slopes[TAIL] = height * shape * (logarithm / tail - slope * q / inner) / tail
                for i in range(8):
                    by = weight * slopes[i]
                    g[i] += by * left
                    for j in range(i + 1):
                        h[i, j] += by * slopes[j]
                total += OUTLIER**2 * np.log(1 + left * left / (OUTLIER**2 * sigma2))
                used += 1
        for i in range(8):
            for j in range(i):
                h[j, i] = h[i, j]
        cost[star, 0], cost[star, 1] = total, used


class Fit(NamedTuple):
    """A form fitted to stars of one band, and what each star adds to it."""

    form: Form
    stars: NDArray[np.float64]
    """(n, 4): height, sky, x, y."""
    own: NDArray[np.float64]
    """(n, 3): each star's own xx, yy, xy, in a step from the common ones."""
    weight: NDArray[np.float64]
    """(n,): 1 / variance of its size, relative."""
    chi2: NDArray[np.float64]
    """(n,) a sample."""


def fit_form(mosaic: NDArray[Any], pattern: NDArray[np.uint8], band: int, stars: NDArray[np.float64],
             noise: NDArray[np.float64], start: Form, radius: float, *, own_places: bool) -> Fit | None:  # fmt: skip
    """Fit one form to all stars by steps of Levenberg and Marquardt; None where they do not converge.

    With `own_places` each star's place is free; else a common shift of all places is, since they are known from another
    band, and so is the tail, about.
    """
    alone = [LIGHT, GROUND, X, Y] if own_places else [LIGHT, GROUND]
    shared = [XX, YY, XY, TAIL] if own_places else [X, Y, XX, YY, XY, TAIL]
    sure = 0.0 if own_places else 1 / OTHER_TAIL**2
    shape = [shared.index(i) for i in (XX, YY, XY)]
    n = len(stars)
    matrix, vector, cost = np.zeros((n, 8, 8)), np.zeros((n, 8)), np.zeros((n, 2))
    trial, form, damping, best, moved = stars.copy(), np.array(start, np.float64), 1e-2, np.inf, np.inf
    kept, kept_form, parts = stars, form, None
    for _ in range(ROUNDS):
        normal_equations(mosaic, pattern, band, trial, noise, (form[0], form[1], form[2], form[3]), radius, FLAW,
                         matrix, vector, cost)  # fmt: skip
        now = float(cost[:, 0].sum()) + sure * (form[3] - start.tail) ** 2
        if now < best:
            gain, best, damping = best - now, now, damping / 8
            kept, kept_form, chi2 = trial, form, cost[:, 0] / np.maximum(cost[:, 1], 1)
            parts = _reduced(matrix, vector, alone, shared)
            if gain < ENOUGH and moved < STILL:
                break
        else:
            damping = damping * 10 + 0.01
        if parts is None or damping > 1e3:
            break
        left, right, back, own = parts
        left, right = left.sum(0), right.sum(0)
        left[-1, -1] += sure
        right[-1] -= sure * (kept_form[3] - start.tail)
        of_all = _step(left, right, damping)
        if not GAUSSIAN <= kept_form[3] + of_all[-1] <= WIDEST:  # the tail goes to its bound, no further
            tail = np.clip(kept_form[3] + of_all[-1], GAUSSIAN, WIDEST) - kept_form[3]
            of_all = np.append(_step(left[:-1, :-1], right[:-1] - left[:-1, -1] * tail, damping), tail)
        change = np.zeros(8)
        change[shared] = of_all
        change[XX:TAIL] *= min(1.0, 0.4 * min(kept_form[0], kept_form[1]) / max(np.abs(change[XX:TAIL]).max(), 1e-12))
        form = kept_form + change[XX:]
        form[3] = np.clip(form[3], GAUSSIAN, WIDEST)
        moved = float(max(np.abs(change[XX:TAIL]).max() / min(kept_form[0], kept_form[1]), abs(change[TAIL])))
        trial = kept.copy()
        trial[:, alone] += own - back @ of_all
        trial[:, 2:] = kept[:, 2:] + np.clip(trial[:, 2:] - kept[:, 2:], -0.5, 0.5) + change[X:XX]
        if form[0] * form[1] <= 1.05 * form[2] ** 2 or form[0] <= 0:  # no ellipse
            form, damping = kept_form, damping * 10 + 0.1
    if parts is None:
        return None
    left, right, *_ = parts
    alone_left = left[:, shape][:, :, shape] + 1e-12 * np.eye(3)
    own_step = np.linalg.solve(alone_left, right[:, shape, None])[..., 0]
    size = np.array([kept_form[0], kept_form[1], kept_form[2]])
    return Fit(
        form=Form(*(float(value) for value in kept_form)), stars=kept, own=size + own_step,
        weight=np.einsum("nij,i,j->n", alone_left, 2 * size, 2 * size), chi2=chi2,
    )  # fmt: skip


def _step(left: NDArray[np.float64], right: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(left + damping * np.diag(np.diag(left)), right))


def _reduced(matrix: NDArray[np.float64], vector: NDArray[np.float64], alone: list[int], shared: list[int],
             ) -> tuple[NDArray[np.float64], ...]:  # fmt: skip
    """Take the stars' own parameters out of their equations.

    Returns the matrices (n, s, s) and vectors (n, s) of the shared ones, and how the own ones follow: they are
    `own` (n, a) less `back` (n, a, s) times the shared ones.
    """
    aa, as_ = matrix[:, alone][:, :, alone], matrix[:, alone][:, :, shared]
    scale = 1 / np.sqrt(np.maximum(np.einsum("nii->ni", aa), 1e-30))
    aa = aa * scale[:, :, None] * scale[:, None, :] + 1e-9 * np.eye(len(alone))
    known = np.concatenate([as_, vector[:, alone, None]], axis=2) * scale[:, :, None]
    solved = np.linalg.solve(aa, known) * scale[:, :, None]
    back, own = solved[..., :-1], solved[..., -1]
    across = as_.swapaxes(1, 2)
    left = matrix[:, shared][:, :, shared] - across @ back
    right = vector[:, shared] - (across @ own[..., None])[..., 0]
    return left, right, back, own
