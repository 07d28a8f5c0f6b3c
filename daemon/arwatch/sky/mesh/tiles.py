"""A mosaic divided into boxes, and cut into tiles of whole boxes whose samples are laid out for the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.sky.inputs import BANDS, checked_mosaic, color_pattern
from arwatch.sky.mesh.boxes import TileBoxes
from arwatch.sky.mesh.exact_filling import Rectangle, fill_exactly, find_zeros
from arwatch.sky.mesh.filling import Filling, fill_tile, gaussian

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.settings import Background

TILE = (128, 1024)
"""Height and width of a tile, pixels, where boxes allow: rows are long enough for vector code, and a tile
with all that is computed of it fits about into a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxGrid:
    """A mosaic divided into boxes, with the method's parameters: what all tiles have in common."""

    mosaic: NDArray[Any]
    """(ny, nx), ADU; 0 marks a missing sample."""
    settings: Background
    pattern: NDArray[np.uint8]
    """(pattern height, pattern width): one period of LibRaw's colour indices."""
    filling: Filling
    box: tuple[int, int]
    """Height and width of a box, pixels; no larger than the frame."""

    @classmethod
    def of(cls, values: ArrayLike, colors: ArrayLike, settings: Background) -> BoxGrid:
        """Check the arguments of `subtract_background`, and divide the mosaic.

        Raises
        ------
        TypeError, ValueError
            As `checked_mosaic` and `color_pattern` do.
        """
        mosaic = checked_mosaic(values)
        pattern = color_pattern(colors, mosaic.shape)
        in_band = np.stack([np.isin(pattern, indices) for indices in BANDS.values()])
        return cls(
            mosaic=mosaic,
            settings=settings,
            pattern=pattern,
            filling=Filling.of(in_band, gaussian(settings.kernel_stddev)),
            box=(min(settings.box_size, mosaic.shape[0]), min(settings.box_size, mosaic.shape[1])),
        )

    @property
    def mesh_shape(self) -> tuple[int, int]:
        """(my, mx): how many boxes there are, incomplete ones at the lower and right edge included."""
        ny, nx = self.mosaic.shape
        return -(-ny // self.box[0]), -(-nx // self.box[1])

    def tiles(self, axis: int) -> Iterator[range]:
        """Give, for each tile along an axis (0 down, 1 across), the indices of its boxes."""
        count = max(1, TILE[axis] // self.box[axis])
        boxes = range(self.mesh_shape[axis])
        return (boxes[i : i + count] for i in boxes[::count])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """A rectangle of boxes, and the samples around it that filling needs."""

    planes: NDArray[np.float64]
    """(pattern width, height + 2 reach, margin + width + margin), ADU: the window as planes, see `filling`."""
    extent: tuple[int, int]
    """Height of the tile, and its width in a plane."""
    boxes: TileBoxes
    plain: bool
    """Whether the window lies inside the frame and none of its samples is 0, so that constant weights hold."""

    @classmethod
    def of(cls, grid: BoxGrid, box_rows: range, box_columns: range) -> Tile:
        """Cut the tile of these boxes out of the mosaic."""
        (ny, nx), (height, width), pattern_width = grid.mosaic.shape, grid.box, grid.pattern.shape[1]
        bounds = [
            (i * height, min((i + 1) * height, ny), j * width, min((j + 1) * width, nx))
            for i in box_rows
            for j in box_columns
        ]
        (top, _, left, _), (last_top, bottom, last_left, right) = bounds[0], bounds[-1]
        origin = top, left // pattern_width * pattern_width
        extent = bottom - top, -(-(right - origin[1]) // pattern_width)
        planes, plain = _window(grid, origin, extent, grid.filling.reach if grid.settings.fill else 0)
        remainder = bottom - last_top < height and right - last_left < width
        boxes = TileBoxes(origin=origin, bounds=np.array(bounds), last_is_remainder=remainder)
        return cls(planes=planes, extent=extent, boxes=boxes, plain=plain)

    def filled(self, grid: BoxGrid, band: int) -> NDArray[np.float64]:
        """Return the tile filled in one band, as planes (pattern width, height, width), ADU.

        It is filled with constant weights first, and then again where these do not hold.
        """
        filling = grid.filling.of_band(band)
        filled = np.empty((self.planes.shape[0], *self.extent))
        rectangles = self._irregular(grid, filling.in_band)
        if rectangles != [self._rectangle]:
            fill_tile(self.planes, filling, self.boxes.origin[0], filled)
        for rectangle in rectangles:
            fill_exactly(self.planes, filling, grid.mosaic.shape, self.boxes.origin, rectangle, filled)
        return filled

    @property
    def _rectangle(self) -> Rectangle:
        """The whole tile."""
        bounds = self.boxes.bounds
        return Rectangle(int(bounds[0, 0]), int(bounds[-1, 1]), int(bounds[0, 2]), int(bounds[-1, 3]))

    def _irregular(self, grid: BoxGrid, in_band: NDArray[np.bool_]) -> list[Rectangle]:
        """List the parts of the tile where constant weights do not hold: near edges and near zeros."""
        (ny, nx), reach, pattern_width = grid.mosaic.shape, grid.filling.reach, self.planes.shape[0]
        whole, origin = self._rectangle, self.boxes.origin
        area = (whole.bottom - whole.top) * (whole.right - whole.left)
        # beyond so many rectangles around zeros the whole tile at once takes less time
        most = area // (2 * reach + 1) ** 2 // 8 + 1
        zeros = np.empty((most, 3), np.int64)
        count = find_zeros(self.planes, in_band, origin[0] - reach, zeros)
        if count > most:
            return [whole]
        found = [
            Rectangle(0, reach, 0, nx),
            Rectangle(ny - reach, ny, 0, nx),
            Rectangle(0, ny, 0, reach),
            Rectangle(0, ny, nx - reach, nx),
        ]
        margin = (self.planes.shape[2] - self.extent[1]) // 2
        for row, phase, column in zeros[:count].tolist():
            y, x = origin[0] - reach + row, origin[1] + (column - margin) * pattern_width + phase
            found.append(Rectangle(y - reach, y + reach + 1, x - reach, x + reach + 1))
        cut = [rectangle.within(whole) for rectangle in found]
        return [rectangle for rectangle in cut if rectangle.top < rectangle.bottom and rectangle.left < rectangle.right]


def _window(
    grid: BoxGrid, origin: tuple[int, int], extent: tuple[int, int], reach: int
) -> tuple[NDArray[np.float64], bool]:
    """Copy a tile's window out of the mosaic into planes; return them, and whether the window is plain.

    `origin`, `extent` and the results are as in `Tile` and `TileBoxes`. Samples beyond the frame are set to
    1, so that they are not taken for missing ones; `fill_exactly` does not read them.
    """
    (ny, nx), pattern_width = grid.mosaic.shape, grid.pattern.shape[1]
    margin = -(-reach // pattern_width)
    planes = np.empty((pattern_width, extent[0] + 2 * reach, extent[1] + 2 * margin))
    top, bottom = max(origin[0] - reach, 0), min(origin[0] + extent[0] + reach, ny)
    left = max(origin[1] - margin * pattern_width, 0)
    right = min(origin[1] + (extent[1] + margin) * pattern_width, nx)
    window = grid.mosaic[top:bottom, left:right]
    inside = window.shape == (planes.shape[1], planes.shape[2] * pattern_width)
    if not inside:
        planes[:] = 1
    for phase in range(pattern_width):
        part = window[:, phase::pattern_width]
        first_column = (left - origin[1]) // pattern_width + margin
        planes[phase, top - origin[0] + reach :, first_column:][: part.shape[0], : part.shape[1]] = part
    return planes, inside and bool(window.all())
