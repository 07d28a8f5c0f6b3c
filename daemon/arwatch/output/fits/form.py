"""The form of an output: which HDU, which unit, which pedestal, and how the meshes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.settings import Output
    from arwatch.sky import Rows

_UNIT = 65535.0
_PEDESTAL = 1000.0
"""The same for a whole night, unless a plane's sky lies far below zero: stacks need no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the mosaic is stored: value = (ADU + pedestal) / scale."""

    primary: bool
    """In the primary HDU, or in an extension behind an empty one."""
    table: bool
    """The meshes are columns of one table, or images of their own."""
    scale: float
    pedestal: float
    """ADU."""

    @property
    def unit_range(self) -> bool:
        """Whether the values lie between 0 and 1."""
        return self.scale != 1

    def stored(self, adu: float) -> float:
        """Return what the file holds for a value in ADU."""
        return (adu + self.pedestal) / self.scale

    def store(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the file holds for these rows, in a new array unless it is the same."""
        if self.scale == 1 and self.pedestal == 0:
            return rows
        return (rows + np.float32(self.pedestal)) * np.float32(1 / self.scale)


def form_of(output: Output, mosaic: Rows, period: tuple[int, ...]) -> Form:
    """Take the profile's form, key by key overridden; compressed images are extensions by definition."""
    siril = output.profile == "siril"
    image = output.image or ("primary" if siril else "extension")
    values = output.values or ("unit" if siril else "adu")
    pedestal = output.pedestal_adu
    if pedestal is None:
        pedestal = _pedestal(mosaic, period) if siril else 0.0
    return Form(
        primary=image == "primary" and not output.compress,
        table=siril,
        scale=_UNIT if values == "unit" else 1.0,
        pedestal=pedestal,
    )


def _pedestal(mosaic: Rows, period: tuple[int, ...]) -> float:
    """ADU that keep the median of each plane of the colour pattern well above zero."""
    py, px = period
    steps = [py * max(1, mosaic.shape[0] // (256 * py)), px * max(1, mosaic.shape[1] // (256 * px))]
    rows = np.concatenate([mosaic[y : y + py] for y in range(0, len(mosaic), steps[0])])
    planes = (rows[y::py, x :: steps[1]] for y in range(py) for x in range(px))
    lowest = min((float(np.median(plane)) for plane in planes if plane.size), default=0.0)
    pedestal = _PEDESTAL
    while lowest + pedestal < pedestal / 2:
        pedestal *= 2
    return pedestal
