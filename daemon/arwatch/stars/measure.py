"""The whole measurement of one frame's stars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arwatch.model.figures import Figures
from arwatch.sky.inputs import BANDS, checked_mosaic, color_pattern
from arwatch.stars import selection
from arwatch.stars.detect import find_peaks
from arwatch.stars.form import form_of
from arwatch.stars.ground import Ground, ground_of
from arwatch.stars.model import CELLS, MOST_STARS, Cells, Measured, StarList
from arwatch.stars.photometry import sources_of
from arwatch.stars.stamps import stamps_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.stars.form import Forms
    from arwatch.stars.photometry import Sources
    from arwatch.stars.stamps import Stamps

MOST_PEAKS = 12_000
"""Peaks that are examined, the highest ones."""
FEWEST_STARS = 5
"""Stars that must agree on a form; with fewer a frame is one without stars."""


def measure(
    mosaic: ArrayLike,
    colors: ArrayLike,
    *,
    black_level: float = 0.0,
    white_level: float = 65535.0,
    exposure_s: float | None = None,
    iso: int | None = None,
    arcsec_per_px: float | None = None,
    field: bytes = b"",
    threads: int = 1,
) -> Measured:
    """Find the stars of a frame, and measure them, on the mosaic as the camera stored it.

    Parameters
    ----------
    mosaic
        (ny, nx), ADU: real numbers. 0 means that a sample is missing. NaN and infinity are refused.
    colors
        LibRaw's colour indices, 0 red, 1 and 3 green, 2 blue: the map (ny, nx) of all pixels or one period
        of it from the first pixel on ((2, 2) for Bayer patterns, (6, 6) for X-Trans).
    black_level, white_level
        What the camera gives without light and at most, ADU.
    exposure_s, iso
        Exposure time in seconds and sensitivity, as far as they are known: fluxes of frames are compared by them.
    arcsec_per_px
        Pixel scale, for the star size in the sky.
    field
        The packed star field of the frames before, which this one is matched to; empty: there is none.
    threads
        How many threads share the work. The result does not depend on it.

    Returns
    -------
    Measured
        Figures, of which all that cannot be known are None; the brightest stars; coarse maps; and the star field with
        this frame in it.

    Raises
    ------
    TypeError
        The mosaic holds no real numbers, or the colours are not integers.
    ValueError
        Shapes do not fit, values are not finite, colour indices are unknown or not periodic, or `threads` is
        less than 1.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    values = checked_mosaic(mosaic)
    colors = color_pattern(colors, values.shape)
    pattern = np.where(colors == 3, 1, colors).astype(np.uint8)
    shape = (values.shape[0], values.shape[1])
    ground = ground_of(values, pattern)
    if ground is None:
        return Measured(figures=Figures(), stars=StarList.none(shape), field=field)
    found = _find(values, pattern, ground, white_level, threads)
    cells = Cells(
        fwhm_px=found.forms.map(shape) if found.forms else np.full(CELLS, np.nan, np.float32),
        sky=(cell_medians(ground, shape) - np.float32(black_level)) / np.float32(exposure_s or 1.0),
        transparency=np.full(CELLS, np.nan, np.float32),
    )
    return Measured(figures=_figures(found, ground, arcsec_per_px), stars=found.listed(shape), cells=cells, field=field)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The peaks of a frame, and what they are."""

    stamps: Stamps
    sources: Sources | None
    """As stars of the common form, where there is one."""
    star: NDArray[np.bool_]
    """(n,): the peak is a star."""
    alone: NDArray[np.bool_]
    """(n,): and has no neighbour that would be measured with it."""
    saturated: int
    forms: Forms | None

    def listed(self, shape: tuple[int, int]) -> StarList:
        """Return the brightest stars that can be measured."""
        if self.sources is None:
            return StarList.none(shape)
        usable = np.flatnonzero(self.star & self.alone & (self.stamps.whole[:, 1] > 0))
        best = usable[np.argsort(-self.stamps.whole[usable, 1], kind="stable")[:MOST_STARS]]
        columns = self.sources.x, self.sources.y, self.stamps.whole[:, 1], self.stamps.core[:, 1]
        x, y, flux, core = (column[best].astype(np.float32) for column in columns)
        return StarList(shape=shape, x=x, y=y, flux=flux, core=core)


def _find(mosaic: NDArray[Any], pattern: NDArray[np.uint8], ground: Ground, white: float, threads: int) -> Found:
    """Find peaks, the form that most of them have, and which of them have it."""
    peaks = find_peaks(mosaic, pattern, ground, threads)
    if len(peaks.x) > MOST_PEAKS:
        highest = np.sort(np.argsort(-peaks.height, kind="stable")[:MOST_PEAKS])
        peaks = peaks._make(column[highest] for column in peaks)
    saturation = 0.98 * white
    stamps = stamps_of(mosaic, pattern, peaks.x, peaks.y, ground, saturation)
    core = np.maximum(stamps.core[:, 1], 1.0)
    full = (stamps.full > 1) & (stamps.one < selection.SHARPEST)
    saturated = int((full & selection.first_of_each(stamps, core + stamps.full * white, 12.0)).sum())
    chosen = selection.clean(stamps, core, mosaic.shape, saturation)
    forms = form_of(mosaic, pattern, stamps.only(chosen)) if len(chosen) >= FEWEST_STARS else None
    if forms is None:
        nothing = np.zeros(len(core), bool)
        return Found(stamps=stamps, sources=None, star=nothing, alone=nothing, saturated=saturated, forms=None)
    sources = sources_of(mosaic, pattern, stamps, forms.green)
    star = selection.real(stamps, sources, saturation)
    placed = stamps._replace(x=np.nan_to_num(sources.x), y=np.nan_to_num(sources.y))
    star &= selection.first_of_each(placed, np.where(star, sources.star, 0), max(1.5, 0.5 * forms.green.fwhm))
    alone = ~selection.crowded(placed, np.where(star | full, core, 0.1 * core), 9.0)
    return Found(stamps=stamps, sources=sources, star=star, alone=alone, saturated=saturated, forms=forms)


def cell_medians(ground: Ground, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the green level of the cells of the coarse maps, ADU with black."""
    my, mx = ground.level.shape[1:]
    rows, columns = np.arange(my) * ground.block, np.arange(mx) * ground.block
    cell = selection.cells_of(columns[None, :], rows[:, None], shape)
    level = ground.level[1]
    flat = [np.median(level[cell == k]) if (cell == k).any() else np.nan for k in range(CELLS[0] * CELLS[1])]
    return np.array(flat, np.float32).reshape(CELLS)


def _figures(found: Found, ground: Ground, arcsec_per_px: float | None) -> Figures:
    """Put together what is known of a frame alone."""
    noise = {
        f"{band}_pixel_noise": float(np.median(ground.noise[i])) for i, band in enumerate(BANDS) if ground.bands[i]
    }
    if found.sources is None or found.forms is None:
        return Figures(**noise, saturated_stars=found.saturated, red_stars=0, green_stars=0, blue_stars=0)
    seen = found.star[:, None] & (found.sources.height > selection.SEEN * found.sources.error)
    counts = {f"{band}_stars": int(seen[:, i].sum()) for i, band in enumerate(BANDS) if ground.bands[i]}
    forms = found.forms.figures()
    if arcsec_per_px and forms.get("green_fwhm_px"):
        forms["fwhm_arcsec"] = forms["green_fwhm_px"] * arcsec_per_px
    return Figures(**noise, **counts, **forms, saturated_stars=found.saturated)
