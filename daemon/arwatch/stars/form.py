"""The form of a frame's stars in its three bands, and the figures that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.inputs import BANDS
from arwatch.stars.model import CELLS
from arwatch.stars.profile import half_light_diameter
from arwatch.stars.selection import cells_of, width_of
from arwatch.stars.shapes import Form, fit_form
from arwatch.stars.stamps import Stamps
from arwatch.stars.trail import Trail, trail_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.shapes import Fit

TELLING = 10
"""Stars from which on figures of the form are given."""
OTHER_SIZE = 4.0
"""Stars whose size lies further from the others', standard deviations, are left out: what is no star, or not alone."""
FEWEST, SORTED_OUT = 3, 3
"""Stars that must be left, and fits of those that are."""
REACH, NEAREST, FARTHEST = 1.6, 4.0, 14.0
"""Radius in which samples are used: in star sizes, and at least and at most, pixels."""
SMALLEST = 1.05
"""Pixels: no image of a star is smaller, since a pixel is a square of 1; clusters of hot pixels are."""


def size_of(form: Form) -> float:
    """Return the star size (FWHM), pixels, of what was fitted.

    The square of a pixel flattens the middle of a small image, so that the profile which fits its samples has a higher
    peak, and half of that lies further in. The correction was found on images without noise: 2.4 % for 1.6 pixels and
    beta = 3, 0.3 % for 2.6 pixels; it leaves 1 % at most.
    """
    return form.fwhm * (1 + (0.045 + 0.4 * form.tail) / form.fwhm**4)


def seen_size(size: float, scale: int) -> float:
    """Return a size in pixels of the frame, where it was measured on `scale` x `scale` of them averaged.

    That widens the images: variances add up, and that of a square is its edge squared by 12.
    """
    return float(
        np.sqrt(max((size * scale) ** 2 - 8 * np.log(2) * (scale**2 - 1) / 12, scale**2)) if scale > 1 else size
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forms:
    """What was fitted to the stars that tell."""

    green: Form
    red: Form | None
    blue: Form | None
    trail: Trail | None
    """What draws the green images out, where that is not the optics."""
    x: NDArray[np.float64]
    """(n,) of the stars that tell, pixels."""
    y: NDArray[np.float64]
    height: NDArray[np.float64]
    """(n,) of their peaks, ADU."""
    size: NDArray[np.float64]
    """(n,) their own sizes (FWHM), green, pixels."""
    ellipse: NDArray[np.float64]
    """(n, 2) their own e1, e2, see `ellipse_of`."""
    weight: NDArray[np.float64]
    """(n,): 1 / variance of their relative size."""
    concentration: float
    """Median of the light within 1.5 pixels, part of that within 7, green."""
    half_light: float | None
    """Diameter that holds half of the light within 7 pixels, green, pixels of the frame."""

    def figures(self, scale: int = 1) -> dict[str, Any]:
        """Return the figures, by name; `scale`: pixels of the frame in one of the mosaic that was measured."""
        out: dict[str, Any] = {"concentration": self.concentration} if scale == 1 else {}
        if self.half_light:
            out["hfd_px"] = self.half_light
        if len(self.x) < TELLING:
            return out
        long, short, angle = self.green.axes
        ratio = short / long
        if self.trail:
            ratio, angle = self.trail.axis_ratio, self.trail.angle_deg
        out |= {
            "green_fwhm_px": seen_size(size_of(self.green), scale),
            "axis_ratio": ratio,
            "angle_deg": angle,
        }
        out |= {
            f"{band}_fwhm_px": seen_size(size_of(form), scale)
            for band, form in (("red", self.red), ("blue", self.blue))
            if form
        }
        scatter = 1.4826 * np.median(np.abs(self.size - np.median(self.size)))
        out["green_fwhm_error_px"] = float(1.25 * scale * scatter / len(self.size) ** 0.5)
        weight = np.minimum(self.weight, 4 * np.median(self.weight))
        mean = (weight[:, None] * self.ellipse).sum(0) / weight.sum()
        length = float((weight * np.hypot(*self.ellipse.T)).sum() / weight.sum())
        out["coherence"] = min(float(np.hypot(*mean)) / max(length, 1e-9), 1.0)
        return out

    def alike(self) -> bool:
        """Say whether the stars have one size, as all defocused ones do, and knots of nebulae have not."""
        return bool(np.median(np.abs(self.size / np.median(self.size) - 1)) < 0.2)

    def map(self, shape: tuple[float, ...]) -> NDArray[np.float32]:
        """Return the star size in each cell of the coarse maps, pixels; NaN where no star tells it."""
        cell = cells_of(self.x, self.y, shape)
        out = np.full(CELLS[0] * CELLS[1], np.nan, np.float32)
        for k in np.unique(cell):
            out[k] = np.median(self.size[cell == k])
        return out.reshape(CELLS)


def form_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8], stamps: Stamps) -> Forms | None:
    """Fit the form of stars that were chosen for it; None where they have none in common."""
    try:
        return _form_of(mosaic, pattern, stamps)
    except np.linalg.LinAlgError:  # samples that tell nothing, such as equal ones
        return None


def _form_of(mosaic: NDArray[Any], pattern: NDArray[np.uint8], stamps: Stamps) -> Forms | None:
    sigma = width_of(stamps.core[:, 1], stamps.whole[:, 1])
    green = _start(stamps, 1, sigma, np.stack([stamps.x, stamps.y], 1))
    curve = 1 / (2 * np.log(2) * sigma**2)
    found = _sorted_out(mosaic, pattern, green, stamps.noise[:, 1], Form(curve, curve, 0.0, 0.1))
    if found is None or found[0].form.axes[1] < SMALLEST:
        return None
    fit, used, radius = found
    bands: dict[str, Form | None] = {}
    for band, name in enumerate(BANDS):
        if name == "green" or not (pattern == band).any():
            continue
        stars = _start(stamps.only(used), band, sigma, fit.stars[:, 2:])
        other = fit_form(mosaic, pattern, band, stars, stamps.noise[used, band], fit.form, radius, own_places=False)
        bands[name] = other.form if other else None
    size = 2 / np.maximum(fit.own[:, 0] * fit.own[:, 1] - fit.own[:, 2] ** 2, 1e-6) ** 0.25
    core = stamps.core[used, 1] / np.maximum(stamps.whole[used, 1], 1.0)
    return Forms(
        green=fit.form,
        red=bands.get("red"),
        blue=bands.get("blue"),
        trail=trail_of(mosaic, pattern, fit, stamps.noise[used, 1], radius),
        x=fit.stars[:, 2],
        y=fit.stars[:, 3],
        height=fit.stars[:, 0],
        size=size,
        ellipse=ellipse_of(fit.own),
        weight=fit.weight,
        concentration=float(np.median(core)),
        half_light=half_light_diameter(
            mosaic, pattern, places=fit.stars[:, 2:], height=fit.stars[:, 0], sky=fit.stars[:, 1]
        ),
    )


def _sorted_out(
    mosaic: NDArray[Any], pattern: NDArray[np.uint8], green: NDArray[np.float64], noise: NDArray[np.float64], form: Form
) -> tuple[Fit, NDArray[np.intp], float] | None:
    """Fit the form, and again without the stars that have another size; returns which were used, and the radius."""
    used = np.arange(len(green))
    for again in range(SORTED_OUT):
        radius = min(max(REACH * form.axes[0], NEAREST), FARTHEST)
        fit = fit_form(mosaic, pattern, 1, green[used], noise[used], form, radius, own_places=True)
        if fit is None:
            return None
        keep = alike(fit)
        if keep.all() or again == SORTED_OUT - 1:
            return fit, used, radius
        form, green[used] = fit.form, fit.stars
        used = used[keep]
        if len(used) < FEWEST:
            return None
    return None


def _start(stamps: Stamps, band: int, sigma: float, places: NDArray[np.float64]) -> NDArray[np.float64]:
    height = np.maximum(stamps.whole[:, band], 1.0) / (2 * np.pi * sigma**2)
    return np.column_stack([height, stamps.sky[:, band], places])


def alike(fit: Fit) -> NDArray[np.bool_]:
    """Say which stars have the size of most of them."""
    size = np.log(np.maximum(fit.own[:, 0] * fit.own[:, 1] - fit.own[:, 2] ** 2, 1e-6)) / 4
    away = np.abs(size - np.median(size))
    scatter = np.hypot(1.4826 * np.median(away), 0.01)
    return np.asarray(away < OTHER_SIZE * np.hypot(scatter, 1 / np.sqrt(np.maximum(fit.weight, 1e-9))))


def ellipse_of(own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e1 = (Ixx - Iyy) / (Ixx + Iyy) and e2 = 2 Ixy / (Ixx + Iyy) of forms (n, 3), from their curvatures."""
    xx, yy, xy = own.T
    total = np.maximum(np.abs(xx + yy), 1e-9)
    return np.asarray(np.clip(np.stack([(yy - xx) / total, -2 * xy / total], 1), -1, 1))
