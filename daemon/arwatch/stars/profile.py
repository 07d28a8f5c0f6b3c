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


def half_light_diameter(mosaic: NDArray[Any], pattern: NDArray[np.uint8], stars: NDArray[np.float64]) -> float | None:
    """Return the diameter that holds half of the green light within 7 pixels, from the samples of many stars.

    `stars` (n, 4) are height, sky (ADU), x, y (pixels) of stars without neighbours. Their samples are averaged in
    rings, those of the brightest stars with less weight; a ring's light is that times its area.
    """
    reach = int(WHOLE) + 1
    steps = np.arange(-reach, reach + 1)
    rows, columns = (np.rint(stars[:, k]).astype(int)[:, None] + steps for k in (3, 2))
    inside = ((rows >= 0) & (rows < mosaic.shape[0])).all(1) & ((columns >= 0) & (columns < mosaic.shape[1])).all(1)
    rows, columns, stars = rows[inside], columns[inside], stars[inside]
    if len(stars) == 0:
        return None
    green = pattern[rows[:, :, None] % pattern.shape[0], columns[:, None, :] % pattern.shape[1]] == 1
    values = mosaic[rows[:, :, None], columns[:, None, :]].astype(np.float64)
    weight = np.minimum(1.0, MOST_HEIGHT * np.median(stars[:, 0]) / np.maximum(stars[:, 0], 1e-9))
    light = (values - stars[:, 1, None, None]) * weight[:, None, None]
    away = np.hypot(rows[:, :, None] - stars[:, 3, None, None], columns[:, None, :] - stars[:, 2, None, None])
    used = green & (values > 0) & (away < WHOLE)
    ring = (away[used] / STEP).astype(int)
    share = np.broadcast_to((weight * stars[:, 0])[:, None, None], light.shape)[used]
    count = np.bincount(ring, share, round(WHOLE / STEP))
    mean = np.bincount(ring, light[used], len(count)) / np.maximum(count, 1e-9)
    edges = STEP * np.arange(len(count) + 1)
    within = np.append(0, np.cumsum(mean * np.pi * np.diff(edges**2)))
    if not within[-1] > 0:
        return None
    first = int(np.argmax(within >= within[-1] / 2))
    return float(2 * np.interp(within[-1] / 2, within[first - 1 : first + 1], edges[first - 1 : first + 1]))
