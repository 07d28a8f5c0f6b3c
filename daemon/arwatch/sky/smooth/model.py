"""The smooth model: a frame's boxes measured, a surface fitted, and what it takes to render it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from arwatch.settings import Background
from arwatch.sky.inputs import checked_mosaic, color_pattern
from arwatch.sky.mesh import subtract as mesh
from arwatch.sky.mesh.removal import SubtractedRows
from arwatch.sky.mesh.surface import BandSplines, spline_of
from arwatch.sky.model import BandModel, Quality, Sky
from arwatch.sky.smooth.basis import Values
from arwatch.sky.smooth.fit import Surface
from arwatch.sky.smooth.levels import Boxes, measure
from arwatch.sky.smooth.regions import OBJECT

RING, FEWEST = 2, 8
"""Points of the grid outside of each edge, which a cubic spline at the edge needs; boxes along each edge at least."""
LEAST_SKY, MOST_RESIDUAL = 0.03, 0.05
"""A fit that uses less of the frame, or leaves more of the sky, has failed."""
SURE_RESIDUAL, SURE_SPREAD, SURE_COLOR, SURE_LEFT = 0.01, 0.005, 0.03, 0.55
"""One is sure of a fit that leaves no more of the sky, is alike from all starts, has no more colour of its own in
the frame's middle, and does not leave half of the frame unexplained: that is too little sky to know it by."""


def fit(mosaic: ArrayLike, colors: ArrayLike, settings: Background | None = None, *, black_level: float | None = None,
        white_level: float | None = None, threads: int = 1) -> tuple[Sky, SubtractedRows]:  # fmt: skip
    """Fit the sky (see `arwatch.sky.fit_sky`); the mesh takes the place of a fit that fails (see `Sky.quality`)."""
    if black_level is None or white_level is None or black_level >= white_level:
        levels = f"black_level and white_level, not {black_level} and {white_level}"
        raise ValueError(f'the model "smooth" needs {levels}: what the camera gives without light and at most, ADU')
    settings, values = settings or Background(model="smooth"), checked_mosaic(mosaic)
    pattern = color_pattern(colors, values.shape)
    boxes = measure(values, pattern, black_level, white_level, threads)
    surface, quality = fitted(boxes, values.shape, round(2 / settings.scale))
    if surface is None:
        sky, rest = mesh.fit(values, pattern, settings, threads=threads)
        return replace(sky, quality=quality), rest
    step = max(1, round(float(np.diff(boxes.rows).mean())))
    grids = control_points(surface, values.shape, step, black_level, white_level)
    red, green, blue = (BandModel(mesh=g, rms=n, ring=RING) for g, n in zip(grids, boxes.noise, strict=True))
    sky = Sky(red=red, green=green, blue=blue, model="smooth", box_size=step, quality=quality)
    splines = BandSplines.of(*(spline_of(grid, values.shape, step) for grid in grids))
    return sky, SubtractedRows.of(values, pattern, settings, splines)


def fitted(boxes: Boxes, shape: tuple[int, int], degree: int) -> tuple[Surface | None, Quality]:
    """Fit a surface, and say how well it went; None where it failed."""
    failed = Quality(used=0.0, residual=0.0, spread=0.0, doubt="too few boxes of sky can be measured")
    if min(boxes.known.shape) < FEWEST or boxes.known.mean() < LEAST_SKY:
        return None, failed
    try:
        surface = Surface.of(boxes, shape, degree)
    except (np.linalg.LinAlgError, ValueError):  # scipy refuses numbers that are not finite
        return None, replace(failed, doubt="the fit has no solution")
    used = float((surface.regions.weight > 0.5)[boxes.known].mean())
    residual, spread, left = surface.regions.residual, surface.spread, surface.regions.cost / OBJECT
    against = {
        f"the sky is {residual:.1%} rougher than the surface": bool(used) and residual > SURE_RESIDUAL,
        f"two ways to fit it differ by {spread:.1%}": spread > SURE_SPREAD,
        "its colour changes most inside of the frame, as that of objects does": surface.color_inside() > SURE_COLOR,
        f"it does not explain {min(left, 1):.0%} of the frame": left > SURE_LEFT,
    }
    reasons = "; ".join(reason for reason, holds in against.items() if holds)
    found = used >= LEAST_SKY and residual <= MOST_RESIDUAL and np.isfinite(spread)
    quality = Quality(used=used, residual=residual if used else 0.0, spread=spread, doubt=reasons)
    return (surface if found else None), quality


def control_points(surface: Surface, shape: tuple[int, int], step: int, black: float, white: float) -> Values:
    """Return the coefficients of the cubic splines that are the surface, (3, gy, gx) in ADU with black.

    One stands at the middle of each box of `step` pixels, also of a ring around the frame. Values less a sixth of their
    second differences give a spline that follows a smooth surface up to the fourth order of `step`. It lies between
    its coefficients: where those end at the white level, it does, too.
    """
    rows, columns = (step * np.arange(-RING - 0.5, -(-size // step) + RING + 1, dtype=np.float64) for size in shape)
    sky = surface.at(rows, columns)
    second = sum((np.roll(sky, shift, axis) - sky for axis in (1, 2) for shift in (-1, 1)), np.zeros_like(sky))
    return np.clip(black + (sky - second / 6)[:, 1:-1, 1:-1], 0, white)
