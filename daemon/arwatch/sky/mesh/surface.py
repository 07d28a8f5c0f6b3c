"""From a mesh to the smooth surface at every pixel: a cubic spline, clipped to the mesh's range.

The surface is `scipy.ndimage.zoom(mesh, box, order=3, mode="reflect", grid_mode=True)` cut to the frame,
as `Background2D` of photutils renders it. The spline is separable: along a row of pixels the surface is a
spline in one dimension, and between the centres of two boxes that is one cubic polynomial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from scipy.linalg import solve_banded
from scipy.ndimage import spline_filter

from arwatch.sky.jit import kernel

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Cubic: TypeAlias = tuple[float, float, float, float]


class Positions(NamedTuple):
    """Where the pixels' centres lie between the boxes' centres, along one axis.

    Example: of a box of 100 pixels, pixel 0 lies at -0.495 in units of boxes, where 0 is the centre of the
    first box. It lies between the boxes -1 (the first one's reflection) and 0, so its `first` is 0, that of
    box -2, and its `fraction` is 0.505.
    """

    first: NDArray[np.int64]
    """(n,): index of the first of the four coefficients that a pixel depends on."""
    fraction: NDArray[np.float64]
    """(n,): 0 at the centre of the second of these four boxes, 1 at that of the third."""
    edges: NDArray[np.int64]
    """Pixels from `edges[i]` to before `edges[i + 1]` have i as their `first`."""

    @classmethod
    def of(cls, size: int, box_size: int, block: int = 1) -> Positions:
        """Place `size` pixels among boxes of `box_size` pixels, or of `size` if that is smaller.

        With `block` it is the centres of as many whole blocks of so many pixels instead.
        """
        position = (np.arange(size // block) + 0.5) * block / min(box_size, size) - 0.5
        cell = np.floor(position).astype(np.int64)
        first = cell + 1  # coefficient 0 is that of box -2, and a pixel's first one is that of box cell - 1
        return cls(first=first, fraction=position - cell, edges=np.searchsorted(first, np.arange(first[-1] + 2)))


class Spline(NamedTuple):
    """A mesh as spline coefficients, and where the frame's pixels lie in it."""

    coefficients: NDArray[np.float64]
    """(my + 4, mx + 4), ADU: two more boxes than the mesh has at each edge, reflected."""
    limits: NDArray[np.float64]
    """(2,): the mesh's minimum and maximum, ADU."""
    rows: Positions
    columns: Positions


class BandSplines(NamedTuple):
    """The splines of the three bands."""

    coefficients: NDArray[np.float64]
    """(3, my + 4, mx + 4), ADU."""
    limits: NDArray[np.float64]
    """(3, 2), ADU: minimum and maximum of each mesh."""
    rows: Positions
    columns: Positions

    @classmethod
    def of(cls, red: Spline, green: Spline, blue: Spline) -> BandSplines:
        """Put together the splines of one frame."""
        splines = red, green, blue
        return cls(
            coefficients=np.stack([spline.coefficients for spline in splines]),
            limits=np.stack([spline.limits for spline in splines]),
            rows=red.rows,
            columns=red.columns,
        )


def spline_through(mesh: NDArray[np.floating[Any]], shape: tuple[int, int], box_size: int) -> Spline:
    """Compute the spline through a mesh.

    Parameters
    ----------
    mesh
        (my, mx), ADU.
    shape
        (ny, nx) of the frame.
    box_size
        Edge of a box in pixels; along an axis that is shorter the box is as long as the frame.
    """
    values = np.ascontiguousarray(mesh, np.float64)
    # where each pixel is a box, scipy's zoom returns the mesh itself: the spline must go through its values
    # exactly, but in small meshes that of `spline_filter`, which begins its recursion approximately, does not
    coefficients = (
        _exact_coefficients(_exact_coefficients(values).T).T
        if values.shape == tuple(shape)
        else spline_filter(values, 3, mode="reflect")
    )
    return Spline(
        coefficients=np.pad(coefficients, 2, mode="symmetric"),
        limits=np.array([values.min(), values.max()]),
        rows=Positions.of(shape[0], box_size),
        columns=Positions.of(shape[1], box_size),
    )


def spline_of(coefficients: NDArray[np.floating[Any]], shape: tuple[int, int], box_size: int) -> Spline:
    """Take the coefficients (my + 4, mx + 4) of a spline as they are, without limits other than their own.

    Raises
    ------
    ValueError
        There is not one coefficient for each box of such a frame and of a ring around it, two boxes wide.
    """
    values = np.ascontiguousarray(coefficients, np.float64)
    expected = tuple(-(-size // min(box_size, size)) + 4 for size in shape)
    if values.shape != expected:
        raise ValueError(f"coefficients of shape {values.shape}: boxes of {box_size} in {shape} need {expected}")
    return Spline(
        coefficients=values,
        limits=np.array([values.min(), values.max()]),
        rows=Positions.of(shape[0], box_size),
        columns=Positions.of(shape[1], box_size),
    )


def _exact_coefficients(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients of the splines that go through the values of each column, reflected at both ends.

    At its centre a cubic B-spline is 4/6, one step beside it 1/6; these are the rows of the linear system.
    """
    diagonals = np.full((3, len(values)), 1 / 6)
    diagonals[1] = 4 / 6
    diagonals[1, [0, -1]] += 1 / 6 if len(values) > 1 else 2 / 6
    return np.asarray(solve_banded((1, 1), diagonals, values))


def render_surface(
    mesh: NDArray[np.floating[Any]],
    shape: tuple[int, int],
    box_size: int,
    model: str = "mesh",
    block: tuple[int, int] = (1, 1),
) -> NDArray[np.float32]:
    """Render a mesh at full resolution: what `subtract_background` takes off, in the same numbers.

    Parameters
    ----------
    mesh
        ADU. Model "mesh": a band's filtered mesh (my, mx). Model "smooth": (my + 4, mx + 4), a coefficient for each
        box and for those of a ring around the frame, two boxes wide.
    shape
        (ny, nx) of the frame.
    box_size
        Edge of a box in pixels: of the settings, or `Sky.box_size`.
    model
        What the mesh is: `Sky.model`.
    block
        Height and width of blocks of pixels: the surface is rendered at the centres of whole ones only.

    Returns
    -------
    numpy.ndarray
        float32 (ny, nx), ADU; with blocks a value for each of them.

    Raises
    ------
    ValueError
        The mesh does not have one value for each box of such a frame.
    """
    expected = tuple(-(-size // min(box_size, size)) for size in shape)
    if model == "mesh" and np.shape(mesh) != expected:
        raise ValueError(f"mesh of shape {np.shape(mesh)}: boxes of {box_size} in {shape} need {expected}")
    make = spline_through if model == "mesh" else spline_of
    rendered = np.empty((shape[0] // block[0], shape[1] // block[1]), np.float32)
    rows, columns = (Positions.of(*axis) for axis in zip(shape, (box_size, box_size), block, strict=True))
    render(make(mesh, shape, box_size)._replace(rows=rows, columns=columns), rendered)
    return rendered


@kernel
def cubic(a: float, b: float, c: float, d: float) -> Cubic:
    """Return the spline between the second and the third of four coefficients, as a polynomial by rising powers.

    Its variable runs from 0 (the second box's centre) to 1 (the third one's).
    """
    return (a + 4 * b + c) / 6, (c - a) / 2, (a - 2 * b + c) / 2, (d - a + 3 * (b - c)) / 6


@kernel
def cubic_of(row: NDArray[np.float64], first: int) -> Cubic:
    """Return the polynomial of the pixels whose first coefficient is `row[first]`."""
    return cubic(row[first], row[first + 1], row[first + 2], row[first + 3])


@kernel
def value_at(fraction: float, curve: Cubic) -> float:
    """Evaluate a cubic."""
    return curve[0] + fraction * (curve[1] + fraction * (curve[2] + fraction * curve[3]))


@kernel
def clipped_at(fraction: float, curve: Cubic, least: float, greatest: float) -> float:
    """Evaluate a cubic and clip it to the mesh's range, as photutils does."""
    value = value_at(fraction, curve)
    value = value if value > least else least  # noqa: FURB136 (max() does not become vector code)
    return value if value < greatest else greatest  # noqa: FURB136


@kernel
def row_of(coefficients: NDArray[np.float64], first: int, fraction: float) -> NDArray[np.float64]:
    """Return the coefficients (mx + 4) of the spline along one row of pixels, whose `Positions` are given."""
    row = np.empty(coefficients.shape[1])
    for i in range(row.size):
        four = coefficients[first : first + 4, i]
        row[i] = value_at(fraction, cubic(four[0], four[1], four[2], four[3]))
    return row


@kernel
def render(spline: Spline, rendered: NDArray[np.float32]) -> None:
    """Evaluate a spline, in float64, at all pixels of `rendered` (ny, nx)."""
    edges = spline.columns.edges
    for y in range(rendered.shape[0]):
        row = row_of(spline.coefficients, spline.rows.first[y], spline.rows.fraction[y])
        for i in range(edges.size - 1):
            curve = cubic_of(row, i)
            fractions = spline.columns.fraction[edges[i] : edges[i + 1]]
            pixels = rendered[y, edges[i] : edges[i + 1]]
            for x in range(pixels.size):
                pixels[x] = clipped_at(fractions[x], curve, spline.limits[0], spline.limits[1])


@kernel
def subtract_rows(
    splines: BandSplines,
    factors: NDArray[np.float64],
    top: int,
    values: NDArray[np.float64],
    subtracted: NDArray[np.float32],
) -> None:
    """Subtract each band's surface from its own pixels in some rows, and normalise them.

    All three surfaces are evaluated at every pixel, and two of them are multiplied by 0. This takes less time
    than choosing one, because it becomes vector code.

    Parameters
    ----------
    splines
        The bands' surfaces.
    factors
        (3, pattern height, nx): a band's normalisation where a pixel is the band's, 0 elsewhere.
    top
        The frame's row of the first of these rows.
    values
        (rows, nx), ADU: the mosaic's rows.
    subtracted
        (rows, nx), ADU times the normalisation: the result.
    """
    low_r, high_r = splines.limits[0]
    low_g, high_g = splines.limits[1]
    low_b, high_b = splines.limits[2]
    edges = splines.columns.edges
    for y in range(subtracted.shape[0]):
        first, fraction = splines.rows.first[top + y], splines.rows.fraction[top + y]
        reds = row_of(splines.coefficients[0], first, fraction)
        greens = row_of(splines.coefficients[1], first, fraction)
        blues = row_of(splines.coefficients[2], first, fraction)
        row_phase = (top + y) % factors.shape[1]
        for i in range(edges.size - 1):
            red, green, blue = cubic_of(reds, i), cubic_of(greens, i), cubic_of(blues, i)
            cell = slice(edges[i], edges[i + 1])
            place, sample, pixels = splines.columns.fraction[cell], values[y, cell], subtracted[y, cell]
            r, g, b = factors[0, row_phase, cell], factors[1, row_phase, cell], factors[2, row_phase, cell]
            for x in range(pixels.size):
                pixels[x] = (
                    r[x] * (sample[x] - clipped_at(place[x], red, low_r, high_r))
                    + g[x] * (sample[x] - clipped_at(place[x], green, low_g, high_g))
                    + b[x] * (sample[x] - clipped_at(place[x], blue, low_b, high_b))
                )
