"""What is measured of a frame's stars: values that are small enough for the ledger."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from arwatch.model.figures import Figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = (6, 8)
"""Rows and columns of the coarse maps of a frame."""
MOST_STARS = 120
"""Stars of a frame that are kept, the brightest ones: enough to find a field again."""
_STAR = np.dtype([("x", "<f4"), ("y", "<f4"), ("flux", "<f4"), ("core", "<f4")])
_HEAD = struct.Struct("<IIHdd")


class DamagedError(ValueError):
    """Bytes that do not hold what was packed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StarList:
    """The brightest usable stars of a frame, brightest first; neither saturated nor blended with a neighbour."""

    shape: tuple[int, int]
    """(ny, nx) of the mosaic, pixels."""
    x: NDArray[np.float32]
    """(n,) columns of the centres; the first pixel's centre is 0."""
    y: NDArray[np.float32]
    """(n,) rows of the centres, as they are stored."""
    flux: NDArray[np.float32]
    """(n,) green light within 7 pixels, ADU, as if each pixel were green."""
    core: NDArray[np.float32]
    """(n,) green light within 1.5 pixels, ADU."""
    light: float = 1.0
    """What fluxes are compared by: seconds of exposure times ISO / 100, as far as they are known."""
    limit: float = 0.0
    """Green light from which on a star is found for sure, ADU."""

    def __len__(self) -> int:
        """Count the stars."""
        return len(self.x)

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Self:
        """Return the list of a frame without stars."""
        nothing = np.zeros(0, np.float32)
        return cls(shape=shape, x=nothing, y=nothing, flux=nothing, core=nothing)

    def brightest(self, most: int) -> Self:
        """Return the list without the faint ones beyond so many."""
        columns = {name: getattr(self, name)[:most] for name in _STAR.names or ()}
        return replace(self, **columns)

    @property
    def places(self) -> NDArray[np.float64]:
        """(n, 2) x and y."""
        return np.stack([self.x, self.y], 1).astype(np.float64)

    def pack(self) -> bytes:
        """Write the brightest 120 as bytes, 16 for each star."""
        count = min(len(self), MOST_STARS)
        table = np.empty(count, _STAR)
        for name in _STAR.names or ():
            table[name] = getattr(self, name)[:count]
        return _HEAD.pack(*self.shape, count, self.light, self.limit) + table.tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read what `pack` wrote; raises `DamagedError`."""
        try:
            ny, nx, count, light, limit = _HEAD.unpack_from(packed)
            table = np.frombuffer(packed, _STAR, count, _HEAD.size)
        except (struct.error, ValueError) as error:
            raise DamagedError(f"these bytes are no list of stars: {error}") from error
        return cls(shape=(ny, nx), light=light, limit=limit, **{name: table[name].copy() for name in _STAR.names or ()})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Coarse maps of a frame, 6 rows of 8 cells; NaN where nothing is known."""

    fwhm_px: NDArray[np.float32]
    """(6, 8) star size, green, pixels."""
    sky: NDArray[np.float32]
    """(6, 8) green sky above black, ADU per second; ADU where the exposure is not known."""
    transparency: NDArray[np.float32]
    """(6, 8) the stars' light, part of the field's usual."""

    @classmethod
    def unknown(cls) -> Self:
        """Return maps in which nothing is known."""
        return cls(**{name: np.full(CELLS, np.nan, np.float32) for name in ("fwhm_px", "sky", "transparency")})

    def pack(self) -> bytes:
        """Write as bytes: 480, with four digits of sky and three of the others."""
        return b"".join(
            (self.fwhm_px.astype("<f2").tobytes(), self.sky.astype("<f4").tobytes(),
             self.transparency.astype("<f2").tobytes())
        )  # fmt: skip

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read what `pack` wrote; raises `DamagedError`."""
        count = CELLS[0] * CELLS[1]
        if len(packed) != 8 * count:
            raise DamagedError(f"{len(packed)} bytes are no maps of a frame, which have {8 * count}")
        parts = (packed[: 2 * count], "<f2"), (packed[2 * count : 6 * count], "<f4"), (packed[6 * count :], "<f2")
        size, sky, part = (np.frombuffer(data, kind).astype(np.float32).reshape(CELLS) for data, kind in parts)
        return cls(fwhm_px=size, sky=sky, transparency=part)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """All that is measured of one frame's stars."""

    figures: Figures
    stars: StarList
    cells: Cells = field(default_factory=Cells.unknown)
    field: bytes = b""
    """The packed star fields of the last frames, the one that this frame lies in first, with this frame in it; empty:
    there is none yet. It is given to the measurement of the next frame."""
