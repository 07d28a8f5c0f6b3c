"""What the ledger keeps of a frame's stars: the brightest ones and the maps, in one row of bytes."""

from __future__ import annotations

from typing import NamedTuple, Self

from arwatch.stars.model import CELLS, Cells, StarList

_MAPS = 8 * CELLS[0] * CELLS[1]


class Sighting(NamedTuple):
    """A frame's maps and brightest stars."""

    cells: Cells
    stars: StarList

    def pack(self) -> bytes:
        """Write as bytes."""
        return self.cells.pack() + self.stars.pack()

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Read what `pack` wrote; raises `DamagedError`."""
        return cls(Cells.unpack(packed[:_MAPS]), StarList.unpack(packed[_MAPS:]))
