"""Coarse maps of a frame, as the ledger keeps them; read without numpy, for the daemon and quick commands."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self, TypeAlias

ROWS, COLUMNS = 6, 8
Map: TypeAlias = tuple[tuple[float, ...], ...]
"""6 rows of 8 cells; NaN where nothing is known."""
_CELLS = ROWS * COLUMNS
_FORM = struct.Struct(f"<{_CELLS}e{_CELLS}f{_CELLS}e")
BYTES = _FORM.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """What of a frame is not the same everywhere in it."""

    fwhm_px: Map
    """Star size, green, pixels."""
    sky: Map
    """Green sky above black, ADU per second; ADU where the exposure is not known."""
    transparency: Map
    """The stars' light, part of the field's usual."""

    @classmethod
    def unpack(cls, packed: bytes) -> Self | None:
        """Read what `arwatch.stars.Cells.pack` wrote, whatever follows; None: too few bytes."""
        if len(packed) < BYTES:
            return None
        values = _FORM.unpack_from(packed)
        size, sky, light = (values[first : first + _CELLS] for first in range(0, 3 * _CELLS, _CELLS))
        return cls(fwhm_px=_rows(size), sky=_rows(sky), transparency=_rows(light))


def _rows(values: tuple[float, ...]) -> Map:
    return tuple(values[first : first + COLUMNS] for first in range(0, _CELLS, COLUMNS))
