"""Nights for tests, figure by figure."""

from dataclasses import dataclass, replace
from pathlib import Path

from arwatch.model.figures import Figures
from arwatch.night.seen import Seen

EXPOSURE_S = 120.0
START = 1_762_970_400.0
"""2025-11-12 18:00 UTC."""


@dataclass(frozen=True)
class Maps:
    fwhm_px: tuple
    sky: tuple
    transparency: tuple


def maps(sky=5.0, transparency=1.0):
    """Give maps of 6 x 8 cells; a value or a function of row and column each."""
    made = [
        tuple(tuple(of(r, c) if callable(of) else of for c in range(8)) for r in range(6)) for of in (sky, transparency)
    ]
    return Maps(made[0], *made)


GOOD = Figures(
    exposure_s=EXPOSURE_S, iso=800, red_level=700.0, green_level=1100.0, blue_level=800.0, green_pixel_noise=14.0,
    green_fwhm_px=3.0, axis_ratio=0.97, angle_deg=20.0, coherence=0.2, green_stars=400, matched=110, concentration=0.5,
    field="f1", dx_px=0.0, dy_px=0.0, rotation_deg=0.0, transparency=1.0, effective_s=110.0, sun_deg=-40.0,
    moon_deg=-20.0, moon_part=0.5,
)  # fmt: skip


def seen(number, figures=GOOD, cells=None, *, state="written", step_s=EXPOSURE_S + 5):
    return Seen(
        number=number, path=Path(f"/n/DSC{number:05}.ARW"), when=START + number * step_s, state=state, figures=figures,
        cells=cells,
    )  # fmt: skip


def night(count, change=lambda _: {}, cells=lambda _: None):
    """Give so many good frames, each with what `change` gives for its number."""
    return [seen(i, replace(GOOD, **change(i)), cells(i)) for i in range(count)]
