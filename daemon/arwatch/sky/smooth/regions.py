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
"""The sky's own roughness at most, part of the sky; an object's light falls by e within this part of its radius."""
SMALL = 8
"""Boxes: regions of fewer are neither glow nor foreground; of less than half of it, no larger than one."""
RISE, SHALLOW, GLOW = 1.5, 0.45, 0.03
"""Glow is so many times brighter at the frame's edge than inside, its brightest tenth at most so deep in the frame as
all of it, and it outshines the sky by this part of it: the surface follows fainter glow by itself."""
BRIGHT = 1.4
"""Light that makes the sky so many times as bright in all bands, and is as shallow, is a town's or the Moon's."""
DARK, OBJECT, DEEPEST = 0.15, 4.0, 60.0
"""Trees are darker than the sky by this part of it; the most that a box above a surface, or below, costs a fit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regions:
    """What the boxes (my, mx) show, compared with a surface."""

    weight: Values
    leak: Values
    """1 sky, 0 object or foreground; light of objects that may be left in a box of sky, part of the sky."""
    glow: Mask
    """Light that comes in over the frame's edge, so that it counts as sky whatever its shape."""
    residual: float
    """Deviation of 3 x 3 boxes of sky from the surface beside their noise, part of the sky."""
    cost: float
    """How badly the surface explains the levels: those below it cost more than those above, which may be objects."""

    @classmethod
    def of(cls, boxes: Boxes, log_sky: Values, dark: Mask, tolerance: float, glow: Mask, *, flexible: bool) -> Regions:
        """Compare the levels with a surface, (3, my, mx) logarithms of ADU above black.

        Objects only add light: how far levels lie below the surface shows how good it is, and what lies above by
        more than that is an object, unless it is brightest at the frame's edge. If the surface is `flexible`, one
        box of it must stand out beyond doubt: else the surface bends down below it, so that it stands out the more.
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
        found *= np.isin(found, found[(height > (ALONE if flexible else LIMIT)) | (single > ALONE)])
        size, deep = np.bincount(found.ravel()), _depth(dark)
        glow, mean, full = glow.copy(), excess.mean(0), np.asarray(boxes.full.any(0))
        for region in _parts((found > 0) & ~dark):
            if _is_glow(region, mean, full, deep):
                glow |= binary_dilation(region, AROUND, 2)
        objects, leak = (found > 0) & ~glow, np.zeros(use.shape)
        if objects.any():
            distance, nearest = distance_transform_edt(~objects, return_indices=True)
            radius = np.sqrt(np.where(size >= SMALL / 2, size, 1) / np.pi)[found[tuple(nearest)]]
            leak = LIMIT * np.sqrt(slack.max()) * np.exp((1 - distance) / (SKIRT * radius)) * ~glow
        almost = np.where((height > LIMIT) | glow, 0, np.maximum(height - (LIMIT - 1), 0))
        weight = np.where(objects, 0.0, 1 - almost**2) * use
        z = excess * ~boxes.full / np.sqrt(error**2 / 9 + tolerance**2)
        cost = np.minimum((z**2).mean(0), np.where(z.max(0) > 0, OBJECT, DEEPEST))
        cost = float(np.where(use, cost, OBJECT)[boxes.known].mean())
        seen, noise = weight > 0.5, (error**2).sum(0) / 81  # of the mean of 3 x 3 boxes in 3 bands
        residual = float(np.sqrt(max(np.mean((mean**2 - noise)[seen]), 0))) if seen.any() else np.inf
        return cls(weight=weight, leak=leak, glow=glow, residual=residual, cost=cost)


def _below(excess: Values) -> float:
    """Return the deviation of what lies below the surface, without its own outliers."""
    low = excess[excess < 0]
    return float(np.sqrt(np.mean(np.minimum(low**2, (3 * np.median(low)) ** 2)))) if low.size > 20 else 0.0


def _depth(dark: Mask) -> Values:
    """Return how many boxes (my, mx) are from the edge of the sky: of the frame, or of a foreground."""
    return np.asarray(distance_transform_cdt(np.pad(~dark, 1), "chessboard")[1:-1, 1:-1] - 1.0)


def _is_glow(region: Mask, excess: Values, full: Mask, deep: Values) -> bool:
    """Say whether a region touches the edge and is brightest there, or is saturated there."""
    edge, inside = region & (deep == 0), region & (deep > 0)
    if not (edge.any() and inside.any()):
        return False
    rises = excess[edge].mean() > max(RISE * excess[inside].mean(), GLOW)
    return bool((rises and _is_brightest_outside(region, excess, deep)) or (region & full).sum() >= SMALL / 2)


def _is_brightest_outside(region: Mask, light: Values, deep: Values) -> bool:
    """Say whether a region's brightest tenth lies much nearer to the edge of the sky than all of it."""
    top = region & (light >= np.quantile(light[region], 0.9))
    return bool(deep[top].mean() < SHALLOW * deep[region].mean())


def _parts(boxes: Mask) -> list[Mask]:
    """Return the regions that boxes form, without the smallest."""
    found, count = label(boxes, AROUND)
    return [part for part in (found == number for number in range(1, count + 1)) if part.sum() >= SMALL]


def find_bright(boxes: Boxes) -> Mask:
    """Return the boxes (my, mx) that outshine the sky in all bands, the most at the edge: town, Moon, twilight."""
    part = np.array([band / max(float(np.quantile(band[boxes.known], 0.25)), 0.5) for band in boxes.level])
    bright = np.zeros_like(boxes.known)
    for region in _parts(np.asarray(part.min(0) > BRIGHT)):
        bright |= region & _is_brightest_outside(region, part.mean(0), _depth(np.zeros_like(region)))
    return bright


def find_dark(boxes: Boxes, log_sky: Values) -> Mask:
    """Return the boxes (my, mx) of trees and buildings: below the sky, with a sharp edge, darker than half of it."""
    sky = np.exp(log_sky)
    dark, part = np.zeros(boxes.known.shape, bool), np.clip((boxes.level / sky).mean(0), 0, 1.3)
    middle = np.array([np.median(band[boxes.known]) for band in boxes.level])[:, None, None]
    below = (1 - boxes.level / sky > DARK + 3 * boxes.error / sky) & (boxes.level < middle)
    for region in _parts(np.asarray(below.all(0))):
        outside = binary_dilation(region, AROUND, 2) & ~binary_dilation(region, AROUND) & boxes.known
        rim = region & binary_dilation(~region, AROUND)
        dark |= region & bool(outside.any() and np.median(part[outside]) - np.median(part[rim]) > DARK)
    dark = binary_dilation(dark, AROUND, 2)
    return dark if (boxes.known & ~dark).mean() > 0.2 else np.zeros_like(dark)
