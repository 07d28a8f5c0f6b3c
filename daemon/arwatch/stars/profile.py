"""How a star's light spreads with the distance from its centre, whatever its form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.stars.stamps import WHOLE

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

STEP = 0.25
"""Width of the rings, pixels."""
MOST_HEIGHT = 3.0
"""Times the median height of the stars: brighter ones count as much as that."""
RING = 1.3
"""Outer radius of the ring in which the sky is measured where it is not given, times the inner one."""


def half_light_diameter(
    mosaic: NDArray[Any],
    pattern: NDArray[np.uint8],
    *,
    places: NDArray[np.float64],
    height: NDArray[np.float64],
    sky: NDArray[np.float64] | None,
    radius: float = WHOLE,
) -> float | None:
    """Return the diameter that holds half of the green light within a radius, from the samples of many stars.

    Parameters
    ----------
    places
        (n, 2) x, y of stars without neighbours, pixels.
    height
        (n,) their peaks, about, ADU.
    sky
        (n,) ADU; None: it is measured around them.
    radius
        Pixels.

    Notes
    -----
    The stars' samples are averaged in rings, those of the brightest stars with less weight; a ring's light is that
    times its area.
    """
    reach = int(radius * (RING if sky is None else 1)) + 1
    steps = np.arange(-reach, reach + 1)
    rows, columns = (np.rint(places[:, k]).astype(int)[:, None] + steps for k in (1, 0))
    inside = ((rows >= 0) & (rows < mosaic.shape[0])).all(1) & ((columns >= 0) & (columns < mosaic.shape[1])).all(1)
    if not inside.any():
        return None
    rows, columns, places, height = rows[inside], columns[inside], places[inside], height[inside]
    green = pattern[rows[:, :, None] % pattern.shape[0], columns[:, None, :] % pattern.shape[1]] == 1
    values = mosaic[rows[:, :, None], columns[:, None, :]].astype(np.float64)
    green &= values > 0
    away = np.hypot(rows[:, :, None] - places[:, 1, None, None], columns[:, None, :] - places[:, 0, None, None])
    if sky is None:
        around = green & (away > radius) & (away < RING * radius)
        under = np.array(
            [np.median(value[ring]) if ring.any() else 0 for value, ring in zip(values, around, strict=True)]
        )
    else:
        under = sky[inside]
    weight = np.minimum(1.0, MOST_HEIGHT * np.median(height) / np.maximum(height, 1e-9))
    light = (values - under[:, None, None]) * weight[:, None, None]
    used = green & (away < radius)
    ring = (away[used] / STEP).astype(int)
    share = np.broadcast_to((weight * height)[:, None, None], light.shape)[used]
    count = np.bincount(ring, share, round(radius / STEP))
    mean = np.bincount(ring, light[used], len(count)) / np.maximum(count, 1e-9)
    edges = STEP * np.arange(len(count) + 1)
    within = np.append(0, np.cumsum(mean * np.pi * np.diff(edges**2)))
    if not within[-1] > 0:
        return None
    first = int(np.argmax(within >= within[-1] / 2))
    return float(2 * np.interp(within[-1] / 2, within[first - 1 : first + 1], edges[first - 1 : first + 1]))
