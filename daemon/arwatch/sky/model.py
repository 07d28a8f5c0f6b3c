"""What the engine hands back: one model of the sky a band, and the subtracted mosaic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.settings import Background
    from arwatch.sky.rim import Rim


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BandModel:
    """One band's sky background, as a mesh with one value a box."""

    mesh: NDArray[np.float64]
    """(my, mx), ADU: what the surface is rendered from. Model "mesh": the median-filtered levels that it goes through.
    Model "smooth": coefficients of a cubic spline, at the boxes and in a ring around the frame."""
    rms: NDArray[np.float64]
    """(my, mx), ADU: the standard deviations of the boxes' samples; model "mesh": clipped and median-filtered."""
    ring: int = 0
    """How many boxes of `mesh` lie outside of the frame at each edge."""

    @property
    def level(self) -> float:
        """The median of `mesh` inside of the frame, ADU (`background_median` of photutils)."""
        return float(np.median(self._without(self.ring)))

    @property
    def highest(self) -> float:
        """What no pixel's sky exceeds, ADU; of the ring, only the inner boxes reach into the frame."""
        return float(self._without(max(self.ring - 1, 0)).max())

    def _without(self, ring: int) -> NDArray[np.float64]:
        inside = slice(ring, -ring or None)
        return self.mesh[inside, inside]

    @property
    def noise(self) -> float:
        """The median of `rms`, ADU (`background_rms_median` of photutils)."""
        return float(np.median(self.rms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well the model "smooth" fits a frame."""

    used: float
    """Part of the frame that was found to be sky, 0 to 1."""
    residual: float
    """Deviation of the sky's levels (of 3 x 3 boxes) from the surface, part of the sky."""
    spread: float
    """How far fits that explain the frame alike differ, part of the sky."""
    doubt: str = ""
    """What speaks against the fit; empty where nothing does, so that it can be relied on."""

    @property
    def sure(self) -> bool:
        """Whether nothing speaks against the fit."""
        return not self.doubt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sky:
    """A frame's sky background, band by band."""

    red: BandModel
    green: BandModel
    blue: BandModel
    model: Literal["mesh", "smooth"] = "mesh"
    """What the bands' surfaces are; "mesh" also where it took the place of a smooth surface that failed."""
    box_size: int | None = None
    """Edge of the boxes of the bands' meshes, pixels; None: that of the settings."""
    quality: Quality | None = None
    """Of the smooth surface, where the settings ask for one."""
    rim: Rim | None = None
    """What a mesh leaves at the edges of green, ADU; None: it has too few boxes to tell."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subtraction(Sky):
    """A mosaic without its sky background."""

    mosaic: NDArray[np.floating[Any]]
    """(ny, nx), ADU times the band's normalisation; float32 (float64 from the reference)."""


class SkyModel(Protocol):
    """A way to find a frame's sky; `arwatch.sky.MODELS` has all there are."""

    def __call__(
        self,
        mosaic: ArrayLike,
        colors: ArrayLike,
        settings: Background | None = None,
        *,
        black_level: float | None = None,
        white_level: float | None = None,
        threads: int = 1,
    ) -> tuple[Sky, SubtractedMosaic]:
        """Fit the sky of a mosaic; gives it, and the mosaic without it, whose rows are computed when they are read.

        Parameters
        ----------
        mosaic
            (ny, nx), ADU; 0 is a missing sample.
        colors
            (py, px): one period of LibRaw's colour indices from the first pixel on, or (ny, nx): all of them.
        settings
            The section of the settings; its defaults if None.
        black_level, white_level
            What the camera gives without light and at most, ADU; not all models need them.
        threads
            How many share the work; the result does not depend on it.

        Raises
        ------
        ValueError
            The sky of a band cannot be measured, the arrays do not fit, or a level is missing that the model needs.
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


class SubtractedMosaic(Rows, Protocol):
    """A subtracted mosaic, float32, whose rows are computed when they are read."""

    @staticmethod
    def groups(top: int, bottom: int) -> Iterator[slice]:
        """Cut the rows from `top` to before `bottom` into groups that are computed at once."""

    def compute(self, rows: slice, subtracted: NDArray[np.float32]) -> None:
        """Compute the rows of one group into `subtracted` (rows, nx)."""
