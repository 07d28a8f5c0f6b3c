"""A frame's figures as programs get them: one object, bands beside each other, units in the names, null for unknown."""

from __future__ import annotations

from typing import Any

from arwatch.model.figures import MEANINGS, Figures

BANDS = ("red", "green", "blue")
BY_BAND = {"fwhm_px": "fwhm_px", "stars": "stars", "noise_adu": "pixel_noise"}
"""Name in the object -> figure of each band."""
UNDERSAMPLED_PX = 2.0
"""Stars narrower than this: their shape is not known well."""


def as_object(figures: Figures) -> dict[str, Any]:
    """Give all figures; `sky_adu` is the sky's level above black.

    >>> as_object(Figures(green_fwhm_px=2.5))["fwhm_px"]
    {'red': None, 'green': 2.5, 'blue': None}
    """
    known = figures.known()
    by_band = {name: {band: known.get(f"{band}_{of}") for band in BANDS} for name, of in BY_BAND.items()}
    single = {name: known.get(name) for name in MEANINGS if name.partition("_")[0] not in BANDS}
    return (
        by_band
        | {"sky_adu": {band: above_black(figures, band) for band in BANDS}}
        | single
        | {
            "fwhm_error_px": known.get("green_fwhm_error_px"),
            "undersampled": None if figures.green_fwhm_px is None else figures.green_fwhm_px < UNDERSAMPLED_PX,
        }
    )


def above_black(figures: Figures, band: str) -> float | None:
    """Give a band's sky above the black level, ADU; None: not known."""
    level: float | None = getattr(figures, f"{band}_level")
    if level is None or figures.black_level is None:
        return None
    return round(level - figures.black_level, 4)
