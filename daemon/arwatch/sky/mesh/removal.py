"""The mosaic without its sky, computed row by row when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from arwatch.sky.mesh.surface import BandSplines, spline_through, subtract_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.sky.mesh.tiles import BoxGrid

_GROUP = 16
"""Rows computed at once: of 24 Mpx frames, they and what is computed of them fit about into a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubtractedRows:
    """A subtracted mosaic that is computed while it is read: `rows[top:bottom]`, float32, ADU.

    A writer that goes through it from top to bottom needs no memory for the whole of it.
    """

    grid: BoxGrid
    splines: BandSplines
    factors: NDArray[np.float64]
    """(3, pattern height, nx): a band's normalisation where a pixel is the band's, 0 elsewhere."""

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float32)

    @classmethod
    def of(cls, grid: BoxGrid, meshes: Sequence[NDArray[np.float64]]) -> SubtractedRows:
        """Compute the surfaces through the meshes (my, mx), ADU, of red, green and blue."""
        shape, settings = grid.mosaic.shape, grid.settings
        norms = np.array((settings.red_norm, 1.0, settings.blue_norm))
        pattern_factors = grid.filling.in_band * norms[:, None, None]
        red, green, blue = (spline_through(mesh, shape, settings.box_size) for mesh in meshes)
        return cls(
            grid=grid,
            splines=BandSplines.of(red, green, blue),
            factors=np.take(pattern_factors, np.arange(shape[1]) % pattern_factors.shape[2], axis=2),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""
        return self.grid.mosaic.shape

    def __len__(self) -> int:
        """Count the rows."""
        return self.shape[0]

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        """Compute consecutive rows (rows, nx); raise ValueError for a slice with a step."""
        top, bottom, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows are computed one after the other, not in steps of {step}")
        subtracted = np.empty((max(bottom - top, 0), self.shape[1]), np.float32)
        for group in self.groups(top, bottom):
            self.compute(group, subtracted[group.start - top : group.stop - top])
        return subtracted

    @staticmethod
    def groups(top: int, bottom: int) -> Iterator[slice]:
        """Cut the rows from `top` to before `bottom` into groups that are computed at once."""
        return (slice(y, min(y + _GROUP, bottom)) for y in range(top, bottom, _GROUP))

    def compute(self, rows: slice, subtracted: NDArray[np.float32]) -> None:
        """Compute the rows of one group into `subtracted` (rows, nx)."""
        values = np.array(self.grid.mosaic[rows], np.float64)
        subtract_rows(self.splines, self.factors, rows.start, values, subtracted)
