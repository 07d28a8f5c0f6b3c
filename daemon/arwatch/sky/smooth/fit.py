"""The surface that lies under everything that is not sky.

The bands share one shape, and differ from it by much smaller ones of their own. Fits begin at different ends: the
middle of the levels, their lower envelope, and, where light outshines the sky at the frame's edge, the knowledge that
this is no object. Each sorts the boxes into sky and objects and fits, again and again, at first with a stiff surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter

from arwatch.sky.smooth.basis import Priors, Terms, Values, falling_terms, smooth_terms
from arwatch.sky.smooth.levels import Boxes, Mask
from arwatch.sky.smooth.regions import OBJECT, Regions, find_bright, find_dark

STARTS, BEGIN = (1.0, 0.1), 8
"""Weight of what lies above the surface while a fit begins (at the middle or the lower envelope); rounds of that."""
TOLERANCES = (0.03, 0.02, 0.014, 0.01, 0.007, 0.005, 0.0035, 0.0025, 0.0025, 0.0025, 0.0025)
"""How far a smooth sky and the real one differ, part of the sky: down to what dust and lenses leave."""
STIFF, STIFF_PRIOR, STIFF_OWN = 6, ((0.3, 3.0),), ((0.03, 3.0),)
"""Rounds of a stiff surface, until most objects are known: light from three half frames away, for all bands and one."""
PRIORS = tuple((size, decay) for size in (0.02, 0.05, 0.15, 0.4, 1.0) for decay in (1.5, 2.0, 2.7, 4.0, 8.0))
OWN_PRIORS = tuple((size / 5, decay) for size, decay in PRIORS)
"""From the emptiest sky to a street lamp beside the frame."""
OWN_DEGREE, CORRELATED = 8, 10.0
"""Degree of the bands' own shapes at most; boxes (of 2400) whose errors are one, as neighbours err alike."""
CHOICE, RIVAL = 0.03, OBJECT / 2
"""Fits whose costs differ by less are mixed, so that the next frame's sky cannot jump. Where they differ by less than
an object in half of the frame costs, and in shape, the sky is not sure."""


class Shape(NamedTuple):
    """Coefficients of the bands' common shape, of red's and blue's own ones, and what glow is beside: (3, my, mx)."""

    common: Values
    red: Values
    blue: Values
    local: Values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """The levels of a frame and the terms that shall describe them."""

    boxes: Boxes
    frame: tuple[int, int]
    degree: int
    common: Terms
    own: Terms

    @classmethod
    def of(cls, boxes: Boxes, frame: tuple[int, int], degree: int) -> Problem:
        """Evaluate the terms at the boxes of a frame (ny, nx)."""
        smooth, falling = _terms(boxes.rows, boxes.columns, frame, degree)
        common = Terms(columns=np.hstack([smooth, falling]), falling=falling.shape[1])
        own = Terms(columns=np.ascontiguousarray(smooth[:, : (OWN_DEGREE + 1) * (OWN_DEGREE + 2) // 2]))
        return cls(boxes=boxes, frame=frame, degree=degree, common=common, own=own)

    def log_sky(self, shape: Shape) -> Values:
        """Evaluate a shape at the boxes: (3, my, mx), logarithms of ADU above black."""
        return _evaluated(shape, self.common.columns).reshape(shape.local.shape) + shape.local

    def step(self, log_sky: Values, weight: Values, tolerance: float, priors: tuple[Priors, Priors]) -> Shape:
        """Take one step of the fit from a surface (3, my, mx), with weights of the same shape."""
        sky, level = np.exp(log_sky).reshape(3, -1), self.boxes.level.reshape(3, -1)
        error, full = self.boxes.error.reshape(3, -1) / sky, self.boxes.full.reshape(3, -1)
        # like log(level / sky) for large ones, but odd: else noise would lower the sky
        away = np.arcsinh(np.clip(level / sky - 1, -0.9, 30))
        weights = np.where(full, level > sky, weight.reshape(3, -1)) / (error**2 + tolerance**2)
        weights *= 2400 / (CORRELATED * level.shape[1])
        mean = (weights * away).sum(0) / np.maximum(weights.sum(0), 1e-12)
        common = self.common.solve(log_sky[1].ravel() + mean, weights.sum(0), priors[0])
        own = log_sky.reshape(3, -1) + away - self.common.columns @ common
        red, blue = (self.own.solve(own[band], weights[band], priors[1]) for band in (0, 2))
        return Shape(common, red, blue, np.zeros_like(log_sky))

    def fit(self, above: float, glow: Mask) -> tuple[Shape, Regions, Mask]:
        """Fit from one of the two ends, with some glow that is known; return the boxes of the foreground, too."""
        boxes, dark = self.boxes, np.zeros_like(glow)
        low = [np.log(max(float(np.quantile(band[boxes.known], 0.3)), 0.5)) for band in boxes.level]
        log_sky = np.zeros_like(boxes.level) + np.array(low)[:, None, None]
        for number in range(BEGIN):
            z = self._deviations(log_sky, TOLERANCES[1])
            weight = np.where(z > 0, above, 1.0) * np.where(z < -4, (4 / np.maximum(-z, 4)) ** 2, 1.0)
            weight *= 2 / np.maximum(z, 2) if above == 1 else 1
            weight = np.broadcast_to(weight.min(0) * (boxes.known & ~dark), z.shape)
            log_sky = self.log_sky(self.step(log_sky, weight, TOLERANCES[1], (STIFF_PRIOR, STIFF_OWN)))
            if number % 2 and number > BEGIN // 4:
                dark = find_dark(boxes, log_sky)
        for number, tolerance in enumerate(TOLERANCES):
            regions = Regions.of(boxes, log_sky, dark, tolerance, glow, flexible=number > STIFF)
            glow = regions.glow
            weight = regions.weight * 3 / np.maximum(np.abs(self._deviations(log_sky, tolerance)), 3)
            weight /= 1 + (regions.leak / tolerance) ** 2
            priors = (STIFF_PRIOR, STIFF_OWN) if number < STIFF else (PRIORS, OWN_PRIORS)
            shape = self.step(log_sky, weight, tolerance, priors)
            log_sky = self.log_sky(shape)
        shape = shape._replace(local=self._local(log_sky, glow & boxes.known & ~dark))
        return shape, Regions.of(boxes, self.log_sky(shape), dark, TOLERANCES[-1], glow, flexible=True), dark

    def _deviations(self, log_sky: Values, tolerance: float) -> Values:
        """Return how far the levels lie above a surface, in deviations."""
        sky = np.exp(log_sky)
        return np.asarray((self.boxes.level / sky - 1) / np.sqrt((self.boxes.error / sky) ** 2 + tolerance**2))

    def _local(self, log_sky: Values, glow: Mask) -> Values:
        """Smooth what is left of glow beside the surface: there is no object there to be kept."""
        left = np.log(np.maximum(self.boxes.level / np.exp(log_sky), 0.2)) * glow
        left = np.where(self.boxes.full & (left < 0), 0, left)
        smooth = [gaussian_filter(median_filter(b, 3, mode="nearest"), 0.7, mode="nearest") for b in left]
        return np.asarray(np.array(smooth) * gaussian_filter(glow.astype(np.float64), 1.0, mode="nearest"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """The sky of a frame, everywhere."""

    problem: Problem
    shape: Shape
    regions: Regions
    spread: float
    """Difference of the fits that explain the frame alike, part of the sky: the rms of its shape."""

    @classmethod
    def of(cls, boxes: Boxes, frame: tuple[int, int], degree: int) -> Surface:
        """Fit the sky of a frame of (ny, nx) pixels, in smooth terms up to some degree."""
        problem = Problem.of(boxes, frame, degree)
        bright = find_bright(boxes)
        starts = [(above, np.zeros_like(bright)) for above in STARTS] + [(STARTS[0], bright)] * bool(bright.any())
        fits = [problem.fit(*start) for start in starts]
        costs = np.array([regions.cost for _, regions, _ in fits])
        part = np.exp((costs.min() - costs) / CHOICE) / np.exp((costs.min() - costs) / CHOICE).sum()
        mixed = Shape(*(np.tensordot(part, np.array(each), 1) for each in zip(*(fit[0] for fit in fits), strict=True)))
        _, best, dark = fits[int(part.argmax())]
        log_sky = problem.log_sky(mixed)
        regions = Regions.of(boxes, log_sky, dark, TOLERANCES[-1], best.glow, flexible=True)
        rivals = [problem.log_sky(fit[0]) for fit, cost in zip(fits, costs, strict=True) if cost < costs.min() + RIVAL]
        spread = max(float(np.std(rival[1] - log_sky[1])) for rival in rivals)
        return cls(problem=problem, shape=mixed, regions=regions, spread=spread)

    def color_inside(self) -> float:
        """Return how much more extreme the sky's colour is inside than on the edge, as no light from outside is."""
        own = [self.problem.own.columns @ band for band in (self.shape.red, self.shape.blue)]
        colors = np.reshape([*own, *np.negative(own)], (4, *self.shape.local.shape[1:]))
        edge = np.concatenate([colors[:, [0, -1]].reshape(4, -1), colors[:, :, [0, -1]].reshape(4, -1)], 1)
        return float((colors.max((1, 2)) - edge.max(1)).max())

    def at(self, rows: Values, columns: Values) -> Values:
        """Evaluate it where some rows and columns cross, also outside of the frame: (3, my, mx), ADU above black."""
        boxes = self.problem.boxes
        terms = np.hstack(_terms(rows, columns, self.problem.frame, self.problem.degree))
        places = zip((rows, columns), (boxes.rows, boxes.columns), strict=True)
        at = np.meshgrid(*(np.interp(here, box, np.arange(len(box))) for here, box in places), indexing="ij")
        local = np.array([map_coordinates(band, at, order=1, mode="nearest") for band in self.shape.local])
        return np.asarray(np.exp(_evaluated(self.shape, terms).reshape(local.shape) + local))


def _terms(rows: Values, columns: Values, frame: tuple[int, int], degree: int) -> tuple[Values, Values]:
    """Evaluate the smooth and the falling terms where rows and columns cross: (n, smooth), (n, falling)."""
    at = np.meshgrid(2 * rows / frame[0] - 1, 2 * columns / frame[1] - 1, indexing="ij")
    return smooth_terms(at[0].ravel(), at[1].ravel(), degree), falling_terms(at[0].ravel(), at[1].ravel(), frame)


def _evaluated(shape: Shape, terms: Values) -> Values:
    """Evaluate a shape without its local part: (3, n), logarithms of ADU above black, but none that overflows."""
    green = terms @ shape.common
    own = terms[:, : len(shape.red)]
    return np.clip([green + own @ shape.red, green, green + own @ shape.blue], -5, 15)
