"""The frame cut into tiles, rectangles of whole boxes, and a tile's samples laid out for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.inputs import BANDS, checked_mosaic, color_pattern
from arwatch.sky.mesh import bands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.settings import Background

TILE = (128, 1024)
"""Height and width of a tile, pixels, where boxes allow: rows long enough for the vector unit, and
together with what is made of them not much larger than the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """What every tile needs to know."""

    mosaic: NDArray[Any]
    settings: Background
    pattern: NDArray[np.uint8]
    filling: bands.Filling
    box: tuple[int, int]
    """Height and width of a box; no larger than the frame."""

    @classmethod
    def of(cls, values: ArrayLike, colors: ArrayLike, settings: Background) -> Frame:
        """Check what was handed in, and prepare what all tiles share."""
        mosaic = checked_mosaic(values)
        pattern = color_pattern(colors, mosaic.shape)
        own = np.stack([np.isin(pattern, indices) for indices in BANDS.values()])
        return cls(
            mosaic=mosaic,
            settings=settings,
            pattern=pattern,
            filling=bands.Filling.of(own, bands.gaussian(settings.kernel_stddev)),
            box=(min(settings.box_size, mosaic.shape[0]), min(settings.box_size, mosaic.shape[1])),
        )

    @property
    def mesh_shape(self) -> tuple[int, int]:
        """Count the boxes, leftovers at the lower and right edge included."""
        ny, nx = self.mosaic.shape
        return -(-ny // self.box[0]), -(-nx // self.box[1])

    def tiles(self, axis: int) -> Iterator[range]:
        """Group the boxes along an axis into those of tiles."""
        count = max(1, TILE[axis] // self.box[axis])
        boxes = range(self.mesh_shape[axis])
        return (boxes[i : i + count] for i in boxes[::count])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """A rectangle of boxes and the frame around it, as far as the kernel reaches."""

    planes: NDArray[np.float64]
    """(px, height, width): the window, one column phase after the other, ADU."""
    origin: tuple[int, int]
    """The tile's first row and the column of its first place in a plane, a multiple of px."""
    extent: tuple[int, int]
    """Height of the tile and its width in a plane."""
    boxes: NDArray[np.int64]
    """(n, 4): top, bottom, left, right."""
    plain: bool
    """The window lies inside the frame, and none of its values is 0: constant weights hold everywhere."""

    @classmethod
    def of(cls, frame: Frame, box_rows: range, box_columns: range) -> Tile:
        """Cut the tile of some boxes out of the frame."""
        (ny, nx), (by, bx), px = frame.mosaic.shape, frame.box, frame.pattern.shape[1]
        bounds = [(i * by, min((i + 1) * by, ny), j * bx, min((j + 1) * bx, nx)) for i in box_rows for j in box_columns]
        (top, _, left, _), (_, bottom, _, right) = bounds[0], bounds[-1]
        origin = top, left // px * px
        extent = bottom - top, -(-(right - origin[1]) // px)
        reach = frame.filling.weights.size // 2 if frame.settings.fill else 0
        planes, plain = _load(frame, origin, extent, reach)
        return cls(planes=planes, origin=origin, extent=extent, boxes=np.array(bounds), plain=plain)

    def filled(self, frame: Frame, band: int) -> NDArray[np.float64]:
        """Fill the tile in one band: with constant weights, then exactly where those do not hold."""
        own, weights, scale = frame.filling.own[band], frame.filling.weights, frame.filling.scale[band]
        filled = np.empty((self.planes.shape[0], *self.extent))
        rectangles = self._rectangles(frame, own, weights.size // 2)
        if rectangles != [self._rectangle]:
            bands.fill_tile(self.planes, own, weights, scale, self.origin[0], filled)
        for rectangle in rectangles:
            bands.fill_exactly(self.planes, own, weights, frame.mosaic.shape, self.origin, rectangle, filled)
        return filled

    @property
    def _rectangle(self) -> tuple[int, int, int, int]:
        return int(self.boxes[0, 0]), int(self.boxes[-1, 1]), int(self.boxes[0, 2]), int(self.boxes[-1, 3])

    def _rectangles(self, frame: Frame, own: NDArray[np.bool_], reach: int) -> list[tuple[int, int, int, int]]:
        """List the parts of the tile where constant weights do not hold: at edges and around zeros."""
        (ny, nx), px = frame.mosaic.shape, self.planes.shape[0]
        top, bottom, left, right = whole = self._rectangle
        area = (bottom - top) * (right - left)
        # beyond so many rectangles around zeros the whole tile at once takes less time
        most = area // (2 * reach + 1) ** 2 // 8 + 1
        zeros = np.empty((most, 3), np.int64)
        count = bands.find_zeros(self.planes, own, self.origin[0] - reach, zeros)
        if count > most:
            return [whole]
        edges = [(0, reach, 0, nx), (ny - reach, ny, 0, nx), (0, ny, 0, reach), (0, ny, nx - reach, nx)]
        q = (self.planes.shape[2] - self.extent[1]) // 2
        for row, plane, j in zeros[:count].tolist():
            y, x = self.origin[0] - reach + row, self.origin[1] + (j - q) * px + plane
            edges.append((y - reach, y + reach + 1, x - reach, x + reach + 1))
        cut = [
            (max(first, top), min(last, bottom), max(start, left), min(stop, right))
            for first, last, start, stop in edges
        ]
        return [r for r in cut if r[0] < r[1] and r[2] < r[3]]


def _load(
    frame: Frame, origin: tuple[int, int], extent: tuple[int, int], reach: int
) -> tuple[NDArray[np.float64], bool]:
    """Copy a tile's window out of the frame, one column phase after the other; say whether it is plain."""
    (ny, nx), px = frame.mosaic.shape, frame.pattern.shape[1]
    q = -(-reach // px)
    planes = np.empty((px, extent[0] + 2 * reach, extent[1] + 2 * q))
    top, bottom = max(origin[0] - reach, 0), min(origin[0] + extent[0] + reach, ny)
    left = max(origin[1] - q * px, 0)
    right = min(origin[1] + (extent[1] + q) * px, nx)
    window = frame.mosaic[top:bottom, left:right]
    inside = window.shape == (planes.shape[1], planes.shape[2] * px)
    if not inside:
        planes[:] = 1  # beyond the frame: anything but a missing sample
    for c in range(px):
        part = window[:, c::px]
        first = (left - origin[1]) // px + q
        planes[c, top - origin[0] + reach :, first:][: part.shape[0], : part.shape[1]] = part
    return planes, inside and bool(window.all())
