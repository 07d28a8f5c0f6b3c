"""What the engine hands back: one model of the sky a band, and the subtracted mosaic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.settings import Background


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BandModel:
    """One band's sky background, as a mesh with one value a box."""

    mesh: NDArray[np.float64]
    """(my, mx), ADU: the median-filtered mesh from which the surface is rendered."""
    rms: NDArray[np.float64]
    """(my, mx), ADU: the median-filtered standard deviations of the clipped boxes."""

    @property
    def level(self) -> float:
        """The median of `mesh`, ADU (`background_median` of photutils)."""
        return float(np.median(self.mesh))

    @property
    def noise(self) -> float:
        """The median of `rms`, ADU (`background_rms_median` of photutils)."""
        return float(np.median(self.rms))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sky:
    """A frame's sky background, band by band."""

    red: BandModel
    green: BandModel
    blue: BandModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subtraction(Sky):
    """A mosaic without its sky background."""

    mosaic: NDArray[np.floating[Any]]
    """(ny, nx), ADU times the band's normalisation; float32 (float64 from the reference)."""


class SkyModel(Protocol):
    """A way to find a frame's sky; `arwatch.sky.MODELS` has all there are."""

    def __call__(
        self, mosaic: ArrayLike, colors: ArrayLike, settings: Background | None = None, *, threads: int = 1
    ) -> tuple[Sky, Rows]:
        """Fit the sky of a mosaic; gives it, and the mosaic without it, whose rows are computed when they are read.

        Parameters
        ----------
        mosaic
            (ny, nx), ADU; 0 is a missing sample.
        colors
            (py, px): one period of LibRaw's colour indices from the first pixel on, or (ny, nx): all of them.
        settings
            The section of the settings; its defaults if None.
        threads
            How many share the work; the result does not depend on it.

        Raises
        ------
        ValueError
            The sky of a band cannot be measured, or the arrays do not fit.
        """


class Rows(Protocol):
    """A mosaic (ny, nx) that is read some rows at a time: an array, or an object that then computes them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its values."""

    def __len__(self) -> int:
        """Count the rows."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """Return some rows."""
