"""What the sky of a frame may look like, in the logarithm: a lens that darkens times light that varies smoothly.

Light from sources outside the frame is analytic inside of it: its Legendre coefficients fall geometrically with their
degree, the faster the farther away they are (Trefethen, Approximation Theory and Approximation Practice, theorem 8.1).
How large they are and how fast they fall is found from each frame itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import nnls

Values = NDArray[np.float64]
Priors = Sequence[tuple[float, float]]

BEGINS, SOFTNESS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9), 0.05
"""Where a lens may begin to cut light off, and how softly, parts of the half diagonal: for any profile."""
LENS, OFFSET = 0.2, 3.0
"""Deviations beforehand: a lens loses tenths of the light; the level's logarithm is as good as unknown."""


def smooth_terms(y: Values, x: Values, highest: int) -> Values:
    """Evaluate the products of Legendre polynomials, by rising total degree up to `highest`: (n, 1 + terms).

    `y` and `x` (n,) run from -1 to 1 from edge to edge. The first one is the constant.
    """
    down, across = legvander(y, highest), legvander(x, highest)
    return np.stack([down[:, i] * across[:, n - i] for n in range(highest + 1) for i in range(n + 1)], -1)


def falling_terms(y: Values, x: Values, frame: tuple[int, int]) -> Values:
    """Evaluate ways in which lenses darken towards the corners, in the logarithm: (n, 9).

    The law of cos to the fourth for wide and for long lenses, and barrels that begin to cut light off in the middle or
    farther out. All but the first, and their sums, fall the more steeply the farther out: no lens makes a small hump.
    """
    r = np.hypot(y * frame[0], x * frame[1]) / np.hypot(*frame)
    ways = np.log1p(3 * r * r), r * r
    return -np.stack([*ways, *(SOFTNESS * np.logaddexp(0, (r - b) / SOFTNESS) / (1 - b) for b in BEGINS)], -1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """Smooth terms and falling ones at the boxes, (n, smooth + falling); falling ones only have positive weights."""

    columns: Values
    falling: int = 0

    def solve(self, target: Values, weight: Values, priors: Priors) -> Values:
        """Fit `target` (n,) by least squares with weights (n,); return the coefficients.

        A prior is the deviation of coefficients of degree 1, and the factor by which it falls with each degree.
        Several are averaged by their evidence (MacKay 1992), so that the result follows the data without steps.
        """
        weighted = self.columns * weight[:, None]
        gram, moment = self.columns.T @ weighted, weighted.T @ target
        smooth = len(moment) - self.falling
        degree = np.repeat(np.arange(smooth), np.arange(smooth) + 1)[1:smooth]
        lens = np.full(self.falling, LENS)
        deviations = np.array([np.concatenate([[OFFSET], a * b ** (1.0 - degree), lens]) for a, b in priors])
        if len(priors) > 1:
            evidence = np.array([_evidence(gram, moment, deviation) for deviation in deviations])
            part = np.exp(evidence - evidence.max())
            deviations = np.exp(part @ np.log(deviations) / part.sum())[None]
        return _solved(gram + np.diag(deviations[0] ** -2.0), moment, smooth)


def _evidence(gram: Values, moment: Values, deviation: Values) -> float:
    """Return the logarithm of the evidence but for what is the same for all priors."""
    factor = cho_factor(gram + np.diag(deviation**-2.0), lower=True)
    gain = moment @ cho_solve(factor, moment) / 2
    return float(gain - np.log(np.diag(factor[0])).sum() - np.log(deviation).sum())


def _solved(gram: Values, moment: Values, free: int) -> Values:
    """Solve for the minimum in which the coefficients behind the `free` ones are not negative."""
    factor = cho_factor(gram[:free, :free])
    cross = cho_solve(factor, gram[:free, free:])
    root = np.linalg.cholesky(gram[free:, free:] - gram[free:, :free] @ cross).T
    rest = moment[free:] - cross.T @ moment[:free]
    positive = nnls(root, np.linalg.solve(root.T, rest))[0] if rest.size else rest
    return np.concatenate([cho_solve(factor, moment[:free] - gram[:free, free:] @ positive), positive])
