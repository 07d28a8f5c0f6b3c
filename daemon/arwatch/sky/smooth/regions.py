"""Which boxes show the sky, which ones objects in front of it, and which ones a dark foreground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_cdt, distance_transform_edt, label, uniform_filter

from arwatch.sky.smooth.basis import Values
from arwatch.sky.smooth.levels import Boxes, Mask

AROUND = np.ones((3, 3))
LIMIT, ALONE = 3.0, 7.0
"""So many deviations of 3 x 3 boxes above the sky are an object; so many of a single box are one, too."""
ROUGHEST, SKIRT = 0.03, 0.35
"""What lies below the surface counts as the sky's own roughness up to this part of the sky; where an object is no more
seen, its light falls by e within this part of its radius."""
SMALL = 8
"""Boxes: regions of fewer are neither glow nor foreground; of less than half of it, no larger than one."""
RISE, SHALLOW, GLOW = 1.5, 0.45, 0.03
"""A region is glow if it is so many times brighter on the frame's edge than inside, if its brightest tenth lies at most
so deep in the frame, compared with all of it, and if it is brighter at the edge than the sky by this part of it: the
surface follows fainter glow by itself."""
BRIGHT = 1.4
"""Light that makes the sky so many times as bright in all bands, and is as shallow, is a town's or the Moon's."""
DARK, OBJECT, DEEPEST = 0.15, 4.0, 60.0
"""Trees and buildings are darker than the sky by this part of it, within two boxes; the most that a box above the
surface, and one below it, can speak against a fit, squares of deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regions:
    """What the boxes (my, mx) show, compared with a surface."""

    weight: Values
    leak: Values
    """1 sky, 0 object or foreground; light of objects that may be left in a box of sky, part of the sky."""
    glow: Mask
    """Light that comes in over the frame's edge, so that it counts as sky whatever its shape."""
    residual: float
    """Deviation of 3 x 3 boxes of sky from the surface, part of the sky."""
    cost: float
    """How badly the surface explains the levels: those below it cost more than those above, which may be objects."""

    @classmethod
    def of(cls, boxes: Boxes, log_sky: Values, dark: Mask, tolerance: float, known_glow: Mask) -> Regions:
        """Compare the levels with a surface, (3, my, mx) logarithms of ADU above black.

        Objects only add light: how far levels lie below the surface shows how good it is, and what lies above by
        more than that is an object, unless it touches the frame's edge and is brightest there.
        """
        sky, use = np.exp(log_sky), boxes.known & ~dark
        above, error = np.where(boxes.full & (boxes.level < sky), 0, boxes.level / sky - 1), boxes.error / sky
        near = np.maximum(uniform_filter(use * 1.0, 3, mode="constant"), 1e-9)
        excess = np.array([uniform_filter(np.arcsinh(b) * use, 3, mode="constant") / near for b in above])
        rough = np.array([_below(band[use]) for band in excess])[:, None, None]
        slack = np.minimum(rough, ROUGHEST) ** 2 + tolerance**2 / 4
        height = (excess / np.sqrt(error**2 / 9 + slack)).max(0)
        single = (above / np.sqrt(error**2 + 9 * slack)).max(0)
        found, _ = label((height > LIMIT) | (single > ALONE), AROUND)
        size = np.bincount(found.ravel())
        glow, mean, full = known_glow.copy(), excess.mean(0), np.asarray(boxes.full.any(0))
        for region in _parts(found > 0):
            if _is_glow(region, mean, full):
                glow |= binary_dilation(region, AROUND, 2)
        objects = (found > 0) & ~glow
        leak = np.zeros(use.shape)
        if objects.any():
            distance, nearest = distance_transform_edt(~objects, return_indices=True)
            radius = np.sqrt(np.where(size >= SMALL / 2, size, 1) / np.pi)[found[tuple(nearest)]]
            leak = LIMIT * np.sqrt(slack.max()) * np.exp((1 - distance) / (SKIRT * radius)) * ~glow
        weight = np.clip(1 - np.maximum(height - (LIMIT - 1), 0) ** 2, 0, 1)
        weight = np.where(glow, 1.0, np.where(objects, 0.0, weight)) * use
        z = excess * ~boxes.full / np.sqrt(error**2 / 9 + tolerance**2)
        cost = np.minimum((z**2).mean(0), np.where(z.max(0) > 0, OBJECT, DEEPEST))
        cost = float(np.where(use, cost, OBJECT)[boxes.known].mean())
        residual = float(np.sqrt(np.mean(mean[weight > 0.5] ** 2))) if (weight > 0.5).any() else np.inf
        return cls(weight=weight, leak=leak, glow=glow, residual=residual, cost=cost)


def _below(excess: Values) -> float:
    """Return the deviation of what lies below the surface, without its own outliers."""
    low = excess[excess < 0]
    return float(np.sqrt(np.mean(np.minimum(low**2, (3 * np.median(low)) ** 2)))) if low.size > 20 else 0.0


def _is_glow(region: Mask, excess: Values, full: Mask) -> bool:
    """Say whether a region touches the edge and is brightest there, or is saturated there."""
    edge = region & np.pad(np.zeros([size - 2 for size in region.shape], bool), 1, constant_values=True)
    inside = region & ~edge
    if not edge.any() or not inside.any():
        return False
    rises = excess[edge].mean() > max(RISE * excess[inside].mean(), GLOW)
    return bool((rises and _is_brightest_outside(region, excess)) or (region & full).sum() >= SMALL / 2)


def _is_brightest_outside(region: Mask, light: Values) -> bool:
    """Say whether a region's brightest tenth lies much nearer to the frame's edge than all of it."""
    deep = distance_transform_cdt(np.pad(np.ones(region.shape), 1), "chessboard")[1:-1, 1:-1] - 1
    top = region & (light >= np.quantile(light[region], 0.9))
    return bool(deep[top].mean() < SHALLOW * deep[region].mean())


def _parts(boxes: Mask) -> list[Mask]:
    """Return the regions that boxes form, without the smallest."""
    found, count = label(boxes, AROUND)
    return [part for part in (found == number for number in range(1, count + 1)) if part.sum() >= SMALL]


def find_bright(boxes: Boxes) -> Mask:
    """Return the boxes (my, mx) that outshine the sky in all bands, the most at the edge: town, Moon, twilight."""
    part = np.array([band / max(float(np.quantile(band[boxes.known], 0.25)), 0.5) for band in boxes.level])
    regions = [r for r in _parts(np.asarray(part.min(0) > BRIGHT)) if _is_brightest_outside(r, part.mean(0))]
    return np.asarray(np.any([np.zeros_like(boxes.known), *regions], axis=0))


def find_dark(boxes: Boxes, log_sky: Values) -> Mask:
    """Return the boxes (my, mx) of trees and buildings: far below the sky in all bands, with a sharp edge."""
    sky = np.exp(log_sky)
    dark, part = np.zeros(boxes.known.shape, bool), np.clip((boxes.level / sky).mean(0), 0, 1.3)
    for region in _parts(np.asarray((1 - boxes.level / sky > DARK + 3 * boxes.error / sky).all(0))):
        outside = binary_dilation(region, AROUND, 2) & ~binary_dilation(region, AROUND) & boxes.known
        rim = region & binary_dilation(~region, AROUND)
        dark |= region & bool(outside.any() and np.median(part[outside]) - np.median(part[rim]) > DARK)
    dark = binary_dilation(dark, AROUND, 2) if dark.any() else dark
    return dark if (boxes.known & ~dark).mean() > 0.2 else np.zeros_like(dark)
