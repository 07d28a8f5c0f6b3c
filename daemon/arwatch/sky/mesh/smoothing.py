"""From the boxes' statistics to a smooth mesh: excluded boxes are filled, and outliers are filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.jit import kernel
from arwatch.sky.mesh.ranks import select

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 10
"""Boxes from which an excluded one is interpolated (Background2D)."""


def finish(mesh: NDArray[np.float64], filter_size: int) -> None:
    """Fill excluded boxes (NaN) from their neighbours, then replace each box by its neighbourhood's median, in place.

    `mesh` is (my, mx), ADU; the neighbourhood is a square of `filter_size` boxes, an odd number.

    Source: `Background2D` of photutils (`_interpolate_grid`, `_filter_grid`).
    """
    filled = fill_excluded(mesh)
    mesh[:] = filled if filter_size == 1 else filter_median(filled, filter_size // 2)


def fill_excluded(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mesh (my, mx) with each NaN interpolated from the nearest boxes, weighted by 1 / distance.

    The search tree is the one that photutils uses. Where more than ten boxes are equally near, the tree
    decides which ten are taken: another tree would give another, equally good mesh.
    """
    excluded = np.isnan(raw)
    if not excluded.any():
        return raw
    from scipy.spatial import cKDTree  # noqa: PLC0415 (many frames have whole boxes only, or one box)

    used = ~excluded
    tree = cKDTree(np.argwhere(used), leafsize=10)
    distances, indices = tree.query(np.argwhere(excluded), k=NEIGHBOURS)
    near = np.isfinite(distances)
    weights = np.where(near, 1.0 / np.where(near, distances, 1.0), 0.0)
    values = raw[used][np.where(near, indices, 0)]
    filled = raw.copy()
    filled[excluded] = (weights * values).sum(axis=1) / weights.sum(axis=1)
    return filled


@kernel
def filter_median(mesh: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return, for each box of a mesh (my, mx), the median of the square of 2 reach + 1 boxes around it.

    At the mesh's edge the square is cut off: only boxes of the mesh count.
    """
    my, mx = mesh.shape
    filtered = np.empty_like(mesh)
    window = np.empty(min(2 * reach + 1, my) * min(2 * reach + 1, mx) + 1)
    for y in range(my):
        for x in range(mx):
            count = 0
            for row in range(max(y - reach, 0), min(y + reach + 1, my)):
                for column in range(max(x - reach, 0), min(x + reach + 1, mx)):
                    count += 1
                    window[count] = mesh[row, column]
            half = count // 2 + 1
            filtered[y, x] = select(window, count, half)
            if count % 2 == 0:
                filtered[y, x] = 0.5 * (filtered[y, x] + window[1:half].max())
    return filtered
