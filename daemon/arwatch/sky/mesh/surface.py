"""From a mesh to the smooth surface at every pixel: a cubic spline, clipped to the mesh's range.

The surface is `scipy.ndimage.zoom(mesh, box, order=3, mode="reflect", grid_mode=True)` cut to the frame,
as `Background2D` of photutils renders it. The spline is separable: a row of the surface is a spline of its
own, and between two boxes' centres that is one cubic polynomial.
"""

# ruff: noqa: PLR0917 (compiled functions take their arguments by position)

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.linalg import solve_banded
from scipy.ndimage import spline_filter

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Cubic: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spline:
    """A mesh as spline coefficients, and the box it was made with."""

    coefficients: NDArray[np.float64]
    """(my + 4, mx + 4): two more at each edge, reflected."""
    limits: NDArray[np.float64]
    """(2,): the mesh's minimum and maximum, ADU."""
    rows: Places
    columns: Places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where the pixels' centres lie between the boxes' centres along one axis."""

    first: NDArray[np.int64]
    """(n,): the first of the four coefficients that a pixel depends on."""
    part: NDArray[np.float64]
    """(n,): how far it lies from the second one's centre towards the third one's, 0 to 1."""
    edges: NDArray[np.int64]
    """Pixels from `edges[i]` to before `edges[i + 1]` have `first` = i."""

    @classmethod
    def of(cls, size: int, box_size: int) -> Places:
        """Place `size` pixels; box i's centre is at position i."""
        position = (np.arange(size) + 0.5) / min(box_size, size) - 0.5
        cell = np.floor(position).astype(np.int64)
        first = cell + 1  # box -1, the first pixels' left neighbour, is the second of the reflected coefficients
        return cls(first=first, part=position - cell, edges=np.searchsorted(first, np.arange(first[-1] + 2)))


def spline_through(mesh: NDArray[np.floating[Any]], shape: tuple[int, int], box_size: int) -> Spline:
    """Compute the spline through a mesh of boxes of such a size (or of the frame's, if that is smaller)."""
    values = np.ascontiguousarray(mesh, np.float64)
    # each pixel is a box: scipy's zoom returns the mesh itself, which its filter meets in small meshes only nearly
    coefficients = (
        _solved(_solved(values).T).T if values.shape == tuple(shape) else spline_filter(values, 3, mode="reflect")
    )
    return Spline(
        coefficients=np.pad(coefficients, 2, mode="symmetric"),
        limits=np.array([values.min(), values.max()]),
        rows=Places.of(shape[0], box_size),
        columns=Places.of(shape[1], box_size),
    )


def _solved(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients of the splines that go through each column, reflected at both ends."""
    diagonals = np.full((3, len(values)), 1 / 6)
    diagonals[1] = 4 / 6
    diagonals[1, [0, -1]] += 1 / 6 if len(values) > 1 else 2 / 6
    return np.asarray(solve_banded((1, 1), diagonals, values))


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
    render_rows(spline.coefficients, spline.limits, rows.first, rows.part, columns.edges, columns.part, rendered)
    return rendered


@kernel
def cubic(a: float, b: float, c: float, d: float) -> Cubic:
    """Write the spline between the second and the third of four coefficients as a polynomial, by rising powers."""
    return (a + 4 * b + c) / 6, (c - a) / 2, (a - 2 * b + c) / 2, (d - a + 3 * (b - c)) / 6


@kernel
def value_at(part: float, curve: Cubic) -> float:
    """Evaluate a cubic."""
    return curve[0] + part * (curve[1] + part * (curve[2] + part * curve[3]))


@kernel
def clipped_at(part: float, curve: Cubic, least: float, greatest: float) -> float:
    """Evaluate a cubic and clip it to the mesh's range, as photutils does."""
    value = value_at(part, curve)
    value = value if value > least else least  # noqa: FURB136 (max() does not become vector code)
    return value if value < greatest else greatest  # noqa: FURB136


@kernel
def row_of(coefficients: NDArray[np.float64], first: int, part: float) -> NDArray[np.float64]:
    """Return the coefficients of the spline that a row of pixels is."""
    row = np.empty(coefficients.shape[1])
    for i in range(row.size):
        four = coefficients[first : first + 4, i]
        row[i] = value_at(part, cubic(four[0], four[1], four[2], four[3]))
    return row


@kernel
def cubic_of(row: NDArray[np.float64], i: int) -> Cubic:
    """Return the polynomial of the pixels whose first coefficient is `i`."""
    return cubic(row[i], row[i + 1], row[i + 2], row[i + 3])


@kernel
def render_rows(
    coefficients: NDArray[np.float64],
    limits: NDArray[np.float64],
    first: NDArray[np.int64],
    part: NDArray[np.float64],
    edges: NDArray[np.int64],
    column_part: NDArray[np.float64],
    rendered: NDArray[np.float32],
) -> None:
    """Evaluate a spline at some rows, in float64."""
    for y in range(rendered.shape[0]):
        row = row_of(coefficients, first[y], part[y])
        for i in range(edges.size - 1):
            curve = cubic_of(row, i)
            place, pixels = column_part[edges[i] : edges[i + 1]], rendered[y, edges[i] : edges[i + 1]]
            for x in range(pixels.size):
                pixels[x] = clipped_at(place[x], curve, limits[0], limits[1])


@kernel
def subtract_rows(
    coefficients: NDArray[np.float64],
    limits: NDArray[np.float64],
    first: NDArray[np.int64],
    part: NDArray[np.float64],
    edges: NDArray[np.int64],
    column_part: NDArray[np.float64],
    factors: NDArray[np.float64],
    phase: int,
    values: NDArray[np.float64],
    mosaic: NDArray[np.float32],
) -> None:
    """Subtract each band's surface from its own pixels in some rows, and normalise them.

    `coefficients` and `limits` hold one spline a band. `factors` (3, py, nx) is a band's normalisation
    where a pixel is the band's and 0 elsewhere; py is the colour pattern's height, and `phase` the place of
    the first row in it. To evaluate all three surfaces at every pixel takes less time than to choose one.
    """
    (low_r, high_r), (low_g, high_g), (low_b, high_b) = limits[0], limits[1], limits[2]
    for y in range(mosaic.shape[0]):
        reds = row_of(coefficients[0], first[y], part[y])
        greens = row_of(coefficients[1], first[y], part[y])
        blues = row_of(coefficients[2], first[y], part[y])
        own = (phase + y) % factors.shape[1]
        for i in range(edges.size - 1):
            red, green, blue = cubic_of(reds, i), cubic_of(greens, i), cubic_of(blues, i)
            cell = slice(edges[i], edges[i + 1])
            place, sample, pixels = column_part[cell], values[y, cell], mosaic[y, cell]
            r, g, b = factors[0, own, cell], factors[1, own, cell], factors[2, own, cell]
            for x in range(pixels.size):
                pixels[x] = (
                    r[x] * (sample[x] - clipped_at(place[x], red, low_r, high_r))
                    + g[x] * (sample[x] - clipped_at(place[x], green, low_g, high_g))
                    + b[x] * (sample[x] - clipped_at(place[x], blue, low_b, high_b))
                )
