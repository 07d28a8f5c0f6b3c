"""The mosaic without its sky, computed row by row when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from arwatch.sky.inputs import BANDS
from arwatch.sky.mesh.surface import BandSplines, subtract_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.settings import Background

_GROUP = 16
"""Rows computed at once: of 24 Mpx frames, they and what is computed of them fit about into a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SubtractedRows:
    """A subtracted mosaic that is computed while it is read: `rows[top:bottom]`, float32, ADU.

    A writer that goes through it from top to bottom needs no memory for the whole of it.
    """

    mosaic: NDArray[Any]
    """(ny, nx), ADU."""
    splines: BandSplines
    factors: NDArray[np.float64]
    """(3, pattern height, nx): a band's normalisation where a pixel is the band's, 0 elsewhere."""

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float32)

    @classmethod
    def of(
        cls, mosaic: NDArray[Any], pattern: NDArray[np.uint8], settings: Background, splines: BandSplines
    ) -> SubtractedRows:
        """Take the surfaces off the bands' own pixels; `pattern` is one period of LibRaw's colour indices."""
        norms = np.array((settings.red_norm, 1.0, settings.blue_norm))
        in_band = np.stack([np.isin(pattern, indices) for indices in BANDS.values()])
        pattern_factors = in_band * norms[:, None, None]
        factors = np.take(pattern_factors, np.arange(mosaic.shape[1]) % pattern_factors.shape[2], axis=2)
        return cls(mosaic=mosaic, splines=splines, factors=factors)

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""
        return self.mosaic.shape

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
        values = np.array(self.mosaic[rows], np.float64)
        subtract_rows(self.splines, self.factors, rows.start, values, subtracted)
