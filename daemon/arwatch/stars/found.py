"""From a mosaic to its stars: peaks, the form that most of them have, and which of them have it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from arwatch.stars import selection
from arwatch.stars.detect import Peaks, find_peaks
from arwatch.stars.form import form_of
from arwatch.stars.ground import ground_of
from arwatch.stars.model import CELLS, StarList
from arwatch.stars.photometry import sources_of
from arwatch.stars.profile import half_light_diameter
from arwatch.stars.stamps import WHOLE, stamps_of
from arwatch.stars.streaks import streaks_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.form import Forms
    from arwatch.stars.ground import Ground
    from arwatch.stars.photometry import Sources
    from arwatch.stars.stamps import Stamps

MOST_PEAKS = 12_000
"""Peaks that are examined, the highest ones."""
MOST_LISTED = 600
"""Stars that a frame is matched by, and its transparency measured, at most."""
SURE = 10.0
"""Signal to noise with which a star is found for sure."""
SUSPECT, WIDE, STILL_WIDE, PIECES, COARSE = 5.5, 8.0, 6.4, 1.3, 4
"""Star size, pixels, from which on stars are measured again on 4 x 4 pixels averaged, as they are where none is found:
those out of focus, whose images are rings. Above the second one the first measurement does not count. The second one
counts if the stars are as large in it as the third, and so many times as large as in the first one, which may have
taken pieces of rings for stars."""
SMALLEST, ALIKE = 200, 10
"""Pixels of the shorter edge of a frame, at least, and stars of one size that must be found in it then."""
FEWEST_STARS = 5
"""Stars that must agree on a form; with fewer a frame is one without stars."""
SATURATED, FULL_LEAST, PLATEAU, MANY = 0.98, 0.5, 0.995, 20
"""Part of the white level from which on a sample counts as saturated; where nothing is so bright, it is the highest
value if that is at least half of the white level and so many samples reach this part of it."""
ONE_STAR, NEIGHBOURS = 12.0, 9.0
"""Pixels: peaks nearer than this to a brighter one of a saturated star belong to it; stars that are nearer than that to
each other are not measured."""


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
    """Saturated stars."""
    streaks: int
    forms: Forms | None
    scale: int = 1
    """Pixels of the frame along the edge of one that was measured (see `_coarse`)."""
    steps: int = 1
    """Of its values an ADU."""

    @property
    def fwhm_px(self) -> float:
        """Star size, green, pixels of the frame; 0: no star was found."""
        return self.forms.green.fwhm * self.scale if self.forms else 0.0

    def map(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the star size in each cell of the coarse maps of a frame, pixels."""
        if self.forms is None:
            return np.full(CELLS, np.nan, np.float32)
        return self.forms.map((shape[0] / self.scale, shape[1] / self.scale)) * np.float32(self.scale)

    def listed(self, shape: tuple[int, int], light: float, ground: Ground) -> StarList:
        """Return the stars that can be measured; `light` as `StarList` has it."""
        if self.sources is None or self.forms is None:
            return StarList.none(shape)
        usable = np.flatnonzero(self.star & self.alone & (self.stamps.whole[:, 1] > 0))
        best = usable[np.argsort(-self.stamps.whole[usable, 1], kind="stable")[:MOST_LISTED]]
        columns = self.sources.x, self.sources.y, self.stamps.whole[:, 1], self.stamps.core[:, 1]
        x, y, flux, core = (column[best] for column in columns)
        x, y = (self.scale * place + (self.scale - 1) / 2 for place in (x, y))
        flux, core = (part * self.scale**2 / self.steps for part in (flux, core))
        # of a Gaussian image on every second pixel
        noise = float(np.median(ground.noise[1])) * (8 * np.pi) ** 0.5 * self.fwhm_px / 2.3548
        kept = {
            name: column.astype(np.float32) for name, column in (("x", x), ("y", y), ("flux", flux), ("core", core))
        }
        return StarList(shape=shape, light=light, limit=SURE * noise, **kept)


def find(mosaic: NDArray[Any], pattern: NDArray[np.uint8], ground: Ground, white: float, threads: int) -> Found:
    """Find the stars of a mosaic (ny, nx), ADU, in focus or not; `pattern` has the bands 0 red, 1 green, 2 blue."""
    found = _find(mosaic, pattern, ground, white, threads)
    if (found.forms and found.fwhm_px < SUSPECT and found.forms.alike()) or min(mosaic.shape) < SMALLEST:
        return found
    steps, one = max(1, min(int(65535 // max(white, 1.0)), COARSE)), np.ones((1, 1), np.uint8)
    coarse = _coarse(mosaic, steps)
    under = ground_of(coarse, one)
    plain = found if found.fwhm_px < WIDE else replace(found, forms=None, sources=None)
    if under is None:
        return plain
    wide = replace(_find(coarse, one, under, white * steps, threads), scale=COARSE, steps=steps)
    least = max(STILL_WIDE, PIECES * plain.fwhm_px)
    if wide.forms is None or wide.fwhm_px < least or wide.star.sum() < ALIKE or not wide.forms.alike():
        return plain
    forms = wide.forms
    places = COARSE * np.stack([forms.x, forms.y], 1) + (COARSE - 1) / 2
    half = half_light_diameter(mosaic, pattern, places=places, height=forms.height, sky=None, radius=COARSE * WHOLE)
    return replace(wide, forms=replace(forms, half_light=half))


def _full(mosaic: NDArray[Any], white: float) -> float:
    """Return the value from which on samples are saturated, ADU: some sensors are full below the white level."""
    highest = float(mosaic.max())
    if FULL_LEAST * white < highest < SATURATED * white and np.count_nonzero(mosaic >= PLATEAU * highest) >= MANY:
        return PLATEAU * highest
    return SATURATED * white


def _coarse(mosaic: NDArray[Any], steps: int) -> NDArray[np.uint16]:
    """Average pixels of all colours, 4 x 4 each, in so many steps an ADU.

    An average of 16 has a quarter of the noise. Whole numbers let the kernels be the same as for mosaics.
    """
    ny, nx = (size // COARSE for size in mosaic.shape)
    across = np.empty((ny, nx * COARSE), np.float32)
    for row in range(ny):  # a row at a time: numpy sums along columns quickly, and nothing large is kept
        mosaic[row * COARSE : (row + 1) * COARSE, : nx * COARSE].sum(0, out=across[row])
    average = across.reshape(ny, nx, COARSE).sum(2) * np.float32(steps / COARSE**2)
    return np.asarray(np.clip(np.rint(average), 0, 65535).astype(np.uint16))


def _find(mosaic: NDArray[Any], pattern: NDArray[np.uint8], ground: Ground, white: float, threads: int) -> Found:
    """Find the stars of a mosaic whose images are up to 8 pixels wide."""
    peaks = find_peaks(mosaic, pattern, ground, threads)
    if len(peaks.x) > MOST_PEAKS:
        highest = np.sort(np.argsort(-peaks.height, kind="stable")[:MOST_PEAKS])
        peaks = Peaks(x=peaks.x[highest], y=peaks.y[highest], height=peaks.height[highest])
    saturation = _full(mosaic, white)
    stamps = stamps_of(mosaic, pattern, peaks.x, peaks.y, ground, saturation, threads)
    core = np.maximum(stamps.core[:, 1], 1.0)
    full = (stamps.full > 1) & (stamps.one < selection.SHARPEST)
    saturated = int((full & selection.first_of_each(stamps, core + stamps.full * white, ONE_STAR)).sum())
    chosen = selection.clean(stamps, core, mosaic.shape, saturation)
    streaks = streaks_of(stamps, chosen, full)
    chosen = chosen[~streaks.beside[chosen]]
    forms = form_of(mosaic, pattern, stamps.only(chosen)) if len(chosen) >= FEWEST_STARS else None
    nothing = np.zeros(len(core), bool)
    if forms is None:
        return Found(stamps=stamps, sources=None, star=nothing, alone=nothing, saturated=saturated,
                     streaks=streaks.number, forms=None)  # fmt: skip
    sources = sources_of(mosaic, pattern, stamps, forms.green, threads)
    star = selection.real(stamps, sources, saturation) & ~streaks.beside
    placed = stamps._replace(x=np.nan_to_num(sources.x), y=np.nan_to_num(sources.y))
    star &= selection.first_of_each(placed, np.where(star, sources.star, 0), max(1.5, 0.5 * forms.green.fwhm))
    alone = ~selection.crowded(placed, np.where(star | full, core, 0.1 * core), NEIGHBOURS)
    return Found(stamps=stamps, sources=sources, star=star, alone=alone, saturated=saturated, streaks=streaks.number,
                 forms=forms)  # fmt: skip
