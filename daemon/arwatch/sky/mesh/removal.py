"""The surfaces taken off the frame, for the rows that are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from arwatch.sky.mesh import surface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.sky.mesh.tiles import Frame

_GROUP = 16
"""Rows of pixels at once: together with what is made of them not much larger than the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubtractedRows:
    """A subtracted mosaic that is computed while it is read: `rows[top:bottom]`, float32, ADU.

    Whoever writes it to a file need not hold it beside the frame.
    """

    frame: Frame
    coefficients: NDArray[np.float64]
    """(3, my + 4, mx + 4): one spline a band."""
    limits: NDArray[np.float64]
    """(3, 2): of each surface, ADU."""
    rows: surface.Places
    columns: surface.Places
    factors: NDArray[np.float64]
    """(3, py, nx): a band's normalisation where a pixel is the band's, 0 elsewhere."""

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float32)

    @classmethod
    def of(cls, frame: Frame, meshes: Sequence[NDArray[np.float64]]) -> SubtractedRows:
        """Put a surface through each band's mesh."""
        shape, settings = frame.mosaic.shape, frame.settings
        norms = settings.red_norm, 1.0, settings.blue_norm
        own = frame.filling.own * np.array(norms)[:, None, None]
        splines = [surface.spline_through(mesh, shape, settings.box_size) for mesh in meshes]
        return cls(
            frame=frame,
            coefficients=np.stack([spline.coefficients for spline in splines]),
            limits=np.stack([spline.limits for spline in splines]),
            rows=splines[0].rows,
            columns=splines[0].columns,
            factors=np.take(own, np.arange(shape[1]) % own.shape[2], axis=2),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""
        return self.frame.mosaic.shape

    def __len__(self) -> int:
        """Count the rows."""
        return self.shape[0]

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        """Compute some rows that follow each other."""
        top, bottom, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows are computed one after the other, not in steps of {step}")
        subtracted = np.empty((max(bottom - top, 0), self.shape[1]), np.float32)
        for group in self.groups(top, bottom):
            self.compute(group, subtracted[group.start - top : group.stop - top])
        return subtracted

    @staticmethod
    def groups(top: int, bottom: int) -> Iterator[slice]:
        """Cut rows into groups that are computed at once."""
        return (slice(y, min(y + _GROUP, bottom)) for y in range(top, bottom, _GROUP))

    def compute(self, rows: slice, subtracted: NDArray[np.float32]) -> None:
        """Compute one group into an array of its size."""
        surface.subtract_rows(
            self.coefficients, self.limits, self.rows.first[rows], self.rows.part[rows],
            self.columns.edges, self.columns.part, self.factors, rows.start,
            np.array(self.frame.mosaic[rows], np.float64), subtracted,
        )  # fmt: skip
