"""From a mesh to the smooth surface at every pixel: a cubic spline, clipped to the mesh's range.

The surface is `scipy.ndimage.zoom(mesh, box, order=3, mode="reflect", grid_mode=True)` cut to the frame,
as `Background2D` of photutils renders it. The spline is separable: a row of the surface needs four rows
of coefficients summed up, and a pixel four of those sums.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import spline_filter

from arwatch.background.jit import kernel

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spline:
    """A mesh as spline coefficients, and the box it was made with."""

    coefficients: NDArray[np.float64]
    """(my + 4, mx + 4): two more at each edge, reflected."""
    limits: NDArray[np.float64]
    """(2,): the mesh's minimum and maximum, ADU."""
    rows: Taps
    columns: Taps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taps:
    """Which four coefficients a pixel depends on along one axis, and how much."""

    first: NDArray[np.int64]
    """(n,): the first of each pixel's coefficients."""
    weights: NDArray[np.float64]
    """(4, n): the cubic B-spline at the pixel's centre."""
    edges: NDArray[np.int64]
    """Pixels from `edges[i]` to before `edges[i + 1]` have `first` = i."""


def spline_through(mesh: NDArray[np.floating[Any]], shape: tuple[int, int], box_size: int) -> Spline:
    """Compute the spline through a mesh of boxes of such a size (or of the frame's, if that is smaller)."""
    values = np.ascontiguousarray(mesh, np.float64)
    rows, columns = _taps(shape[0], box_size), _taps(shape[1], box_size)
    if values.shape == tuple(shape):  # each pixel is a box: scipy's zoom returns the mesh itself
        coefficients = values
        rows.weights[:] = columns.weights[:] = np.array([[0.0], [1.0], [0.0], [0.0]])
    else:
        coefficients = spline_filter(values, 3, mode="reflect")
    return Spline(
        coefficients=np.pad(coefficients, 2, mode="symmetric"),
        limits=np.array([values.min(), values.max()]),
        rows=rows,
        columns=columns,
    )


def _taps(size: int, box_size: int) -> Taps:
    """Weigh the coefficients at each pixel's centre; box i's centre is at position i."""
    box = min(box_size, size)
    position = (np.arange(size) + 0.5) / box - 0.5
    cell = np.floor(position).astype(np.int64)
    t = position - cell
    weights = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3]) / 6
    first = cell + 1  # box -1, the first pixels' left neighbour, is the second of the reflected coefficients
    return Taps(first=first, weights=weights, edges=np.searchsorted(first, np.arange(first[-1] + 2)))


def render_surface(mesh: NDArray[np.floating[Any]], shape: tuple[int, int], box_size: int) -> NDArray[np.float32]:
    """Render a mesh at full resolution: what `subtract_background` takes off, in the same numbers.

    Parameters
    ----------
    mesh
        (my, mx), ADU: a band's filtered mesh.
    shape
        (ny, nx) of the frame.
    box_size
        Edge of a box in pixels, as in the settings.

    Returns
    -------
    numpy.ndarray
        float32 (ny, nx), ADU.

    Raises
    ------
    ValueError
        The mesh does not have one value for each box of such a frame.
    """
    expected = tuple(-(-size // min(box_size, size)) for size in shape)
    if np.shape(mesh) != expected:
        raise ValueError(f"mesh of shape {np.shape(mesh)}: boxes of {box_size} in {shape} need {expected}")
    spline = spline_through(mesh, shape, box_size)
    rendered = np.empty(shape, np.float32)
    rows, columns = spline.rows, spline.columns
    render_rows(spline.coefficients, spline.limits, rows.first, rows.weights, columns.edges, columns.weights, rendered)
    return rendered


@kernel
def render_rows(
    coefficients: NDArray[np.float64],
    limits: NDArray[np.float64],
    first: NDArray[np.int64],
    weights: NDArray[np.float64],
    edges: NDArray[np.int64],
    column_weights: NDArray[np.float64],
    rendered: NDArray[np.float32],
) -> None:
    """Evaluate a spline at some rows."""
    for y in range(rendered.shape[0]):
        sums = sum_rows(coefficients, first[y], weights[:, y])
        evaluate(sums, edges, column_weights, limits, rendered[y])


@kernel
def sum_rows(coefficients: NDArray[np.float64], first: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum up the four rows of coefficients that a row of pixels depends on."""
    sums = np.empty(coefficients.shape[1])
    for i in range(sums.size):
        sums[i] = (
            weights[0] * coefficients[first, i]
            + weights[1] * coefficients[first + 1, i]
            + weights[2] * coefficients[first + 2, i]
            + weights[3] * coefficients[first + 3, i]
        )
    return sums


@kernel
def evaluate(
    sums: NDArray[np.float64],
    edges: NDArray[np.int64],
    weights: NDArray[np.float64],
    limits: NDArray[np.float64],
    row: NDArray[Any],
) -> None:
    """Evaluate one row of a spline, in float64, clipped to the mesh's range as photutils does.

    From one box's centre to the next all pixels depend on the same four sums.
    """
    least, greatest = limits[0], limits[1]
    for i in range(edges.size - 1):
        a, b, c, d = sums[i], sums[i + 1], sums[i + 2], sums[i + 3]
        part = row[edges[i] : edges[i + 1]]
        taps = weights[:, edges[i] : edges[i + 1]]
        for x in range(part.size):
            value = taps[0, x] * a + taps[1, x] * b + taps[2, x] * c + taps[3, x] * d
            value = value if value > least else least  # noqa: FURB136 (max() does not become vector code)
            part[x] = value if value < greatest else greatest  # noqa: FURB136


@kernel
def subtract_rows(
    coefficients: NDArray[np.float64],
    limits: NDArray[np.float64],
    first: NDArray[np.int64],
    weights: NDArray[np.float64],
    edges: NDArray[np.int64],
    column_weights: NDArray[np.float64],
    factors: NDArray[np.float64],
    values: NDArray[Any],
    mosaic: NDArray[np.float32],
) -> None:
    """Subtract each band's surface from its own pixels in some rows, and normalise them.

    `coefficients` and `limits` hold one spline a band. `factors` (bands, py, nx) is a band's normalisation
    where a pixel is the band's and 0 elsewhere; py is the colour pattern's height, and the rows begin with
    a whole pattern.
    """
    surface = np.empty(mosaic.shape[1])
    for y in range(mosaic.shape[0]):
        row, samples = mosaic[y], values[y]
        row[:] = 0
        for band in range(factors.shape[0]):
            factor = factors[band, y % factors.shape[1]]
            if factor.any():
                sums = sum_rows(coefficients[band], first[y], weights[:, y])
                evaluate(sums, edges, column_weights, limits[band], surface)
                for x in range(surface.size):
                    row[x] += factor[x] * (samples[x] - surface[x])
