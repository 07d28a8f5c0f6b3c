"""The whole measurement of one frame's stars."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from arwatch.model.figures import Figures
from arwatch.sky.inputs import BANDS, checked_mosaic, color_pattern
from arwatch.stars import selection
from arwatch.stars.field import Field, place
from arwatch.stars.found import find
from arwatch.stars.ground import Ground, ground_of
from arwatch.stars.model import CELLS, MOST_STARS, Cells, DamagedError, Measured, StarList

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from arwatch.stars.field import Placement
    from arwatch.stars.found import Found

MOST_FIELDS = 3
"""Star fields that are remembered: a night may change between objects."""
MOST_WORTH = 1.2
"""Part of its exposure that a frame can be worth at most: more is an error of the field's reference."""


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
        `Measured.field` of the frame before, whose stars this one's are matched to; empty: there is none.
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
    values = _of_few_types(checked_mosaic(mosaic))
    colors = color_pattern(colors, values.shape)
    pattern = np.where(colors == 3, 1, colors).astype(np.uint8)
    shape = (values.shape[0], values.shape[1])
    ground = ground_of(values, pattern)
    if ground is None:
        return Measured(figures=Figures(), stars=StarList.none(shape), field=field)
    found = find(values, pattern, ground, white_level, threads)
    light = (exposure_s or 1.0) * (iso or 100) / 100
    stars = found.listed(shape, light, ground)
    figures = _figures(found, ground, arcsec_per_px)
    fields, placement = _placed(stars, field)
    if placement is not None:
        variance = _variance(figures, exposure_s, iso)
        figures = replace(
            figures, **_in_field(stars, fields[0], placement, figures, exposure_s=exposure_s, variance=variance)
        )
        fields[0] = fields[0].after(stars, placement, fwhm_px=figures.green_fwhm_px, variance=variance)
    if found.scale > 1:  # it would tell of other radii
        figures = replace(figures, concentration=None)
    cells = Cells(
        fwhm_px=found.map(shape),
        sky=(cell_medians(ground, shape) - np.float32(black_level)) / np.float32(exposure_s or 1.0),
        transparency=placement.cells if placement else np.full(CELLS, np.nan, np.float32),
    )
    packed = b"".join(known.pack() for known in fields)
    return Measured(figures=figures, stars=stars.brightest(MOST_STARS), cells=cells, field=packed)


def _of_few_types(mosaic: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as uint16 where they are in its range, and all else as float64: kernels know these two.

    They know rows that follow each other in memory, too: anything else would be compiled when it comes.
    """
    whole = mosaic.dtype == np.uint16 or (
        mosaic.dtype.kind in "ui" and mosaic.min() >= 0 and mosaic.max() <= np.iinfo(np.uint16).max
    )
    return np.require(mosaic, np.uint16 if whole else np.float64, ["C", "A"])


def _placed(stars: StarList, packed: bytes) -> tuple[list[Field], Placement | None]:
    """Find the frame in one of the last fields; where it is in none, it begins one if it has enough stars.

    Returns the fields, its own first, and where it lies in that; None: it is in none, as a frame of few stars is, such
    as one behind clouds. The last few fields are kept, so that one odd frame does not end a field.
    """
    fields: list[Field] = []
    with suppress(DamagedError):  # of another version: the field begins again
        fields = Field.unpack_all(packed)
    for field in fields:
        if (found := place(stars, field)) is not None:
            return [field, *(other for other in fields if other is not field)], found
    begun = Field.begin(stars)
    if begun is None:
        return fields, None
    return [begun, *fields][:MOST_FIELDS], place(stars, begun)


def _variance(figures: Figures, exposure_s: float | None, iso: int | None) -> float | None:
    """Return the variance of the sky's light a second, (ADU at ISO 100)^2."""
    if not exposure_s or figures.green_pixel_noise is None:
        return None
    return (figures.green_pixel_noise * 100 / (iso or 100)) ** 2 / exposure_s


def _in_field(
    stars: StarList,
    field: Field,
    found: Placement,
    figures: Figures,
    *,
    exposure_s: float | None,
    variance: float | None,
) -> dict[str, Any]:
    """Return the figures that compare a frame with its field, by name."""
    seen = found.match.pairs[:, 1]
    out: dict[str, Any] = {
        "field": field.token, "dx_px": found.dx, "dy_px": found.dy, "rotation_deg": found.rotation,
        "matched": found.matched, "transparency": found.transparency,
        "concentration": float(np.median(stars.core[seen] / stars.flux[seen])),
    }  # fmt: skip
    if exposure_s and variance and figures.green_fwhm_px:
        worth = found.transparency**2 * (field.variance or variance) / variance
        worth *= ((field.fwhm_px or figures.green_fwhm_px) / figures.green_fwhm_px) ** 2
        out["effective_s"] = exposure_s * min(worth, MOST_WORTH)
    return out


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
    noise: dict[str, Any] = {
        f"{band}_pixel_noise": float(np.median(ground.noise[i])) for i, band in enumerate(BANDS) if ground.bands[i]
    }
    if found.sources is None or found.forms is None:
        return Figures(
            **noise, saturated_stars=found.saturated, streaks=found.streaks, red_stars=0, green_stars=0, blue_stars=0
        )
    seen = found.star[:, None] & (found.sources.height > selection.SEEN * found.sources.error)
    bands = ground.bands if found.scale == 1 else (False, True, False)
    counts: dict[str, Any] = {f"{band}_stars": int(seen[:, i].sum()) for i, band in enumerate(BANDS) if bands[i]}
    forms = found.forms.figures(found.scale)
    if arcsec_per_px and forms.get("green_fwhm_px"):
        forms["fwhm_arcsec"] = forms["green_fwhm_px"] * arcsec_per_px
    return Figures(**noise, **counts, **forms, saturated_stars=found.saturated, streaks=found.streaks)


def rehearse() -> None:
    """Compile all kernels, or load them from the cache, by measuring a small frame with stars."""
    rng = np.random.default_rng(0)
    frame = rng.normal(1000, 10, (200, 300))
    y, x = np.mgrid[-6:7, -6:7]
    for row in range(20, 190, 30):
        for column in range(20, 290, 30):
            frame[row - 6 : row + 7, column - 6 : column + 7] += 2000 * np.exp(-(x * x + y * y) / 4)
    bayer = np.array([[0, 1], [1, 2]], np.uint8)
    measure(frame.astype(np.uint16), bayer)
