"""Stars are where they were: by SExtractor and by photutils, for all colour patterns and origins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from photutils.detection import DAOStarFinder
from scipy.spatial import KDTree

from arwatch.model.frame import Frame
from arwatch.settings import Output
from arwatch.simulate import Scene, colors_of, render
from fits_support import PATTERNS, Made, need_tool, run, settings_for, subtracted, white

SHAPE = (200, 280)
# no symmetry: a flipped or shifted picture has no star where one is expected
TRUTH = np.array(
    [(31.3, 22.7), (77.8, 45.1), (140.5, 30.25), (222.2, 61.6), (55.05, 111.4), (180.9, 120.5), (99.4, 171.2)]
)
"""Column and row of the stars in the visible area, the first pixel's centre being 0."""
NEAR = 0.1
"""Pixels."""


def seen(pattern: str, origin: tuple[int, int]) -> Made:
    """A frame of the visible area that begins at `origin` of the sensor."""
    top, left = origin
    whole = np.roll(np.array(list(pattern)).reshape(2, 2), origin, axis=(0, 1))
    scene = Scene(
        height=SHAPE[0] + top,
        width=SHAPE[1] + left,
        pattern="".join(whole.ravel()),
        stars=tuple(white(x + left, y + top, 150_000.0) for x, y in TRUTH),
    )
    visible = np.ascontiguousarray(render(scene).mosaic[top:, left:])
    return subtracted(
        Frame(mosaic=visible, colors=colors_of(pattern), black_level=scene.black_level, white_level=16383)
    )


def assert_found(found: NDArray[np.float64]) -> None:
    """Exactly the true stars, each at its place."""
    assert len(found) == len(TRUTH)
    distances, partners = KDTree(found).query(TRUTH)
    assert sorted(partners) == list(range(len(TRUTH)))
    assert distances.max() < NEAR, distances


def photutils(path: Path, hdu: int) -> NDArray[np.float64]:
    """Column and row of what DAOStarFinder finds in one HDU."""
    image, header = fits.getdata(path, hdu, header=True)
    stars = DAOStarFinder(threshold=500.0, fwhm=4.5)(image * header["ADUSCALE"] + header["PEDESTAL"])
    column, row = stars.colnames[1:3]  # their names changed in photutils 3
    return np.column_stack([stars[column], stars[row]])


def source_extractor(path: Path, hdu: int) -> NDArray[np.float64]:
    """Column and row of what SExtractor finds in one HDU; FITS counts pixels from 1."""
    program, folder = need_tool("source-extractor"), path.parent
    (folder / "sex.param").write_text("XWIN_IMAGE\nYWIN_IMAGE\n")
    (folder / "sex.conf").write_text("")
    settings = {
        "CATALOG_NAME": "found.cat",
        "PARAMETERS_NAME": "sex.param",
        "FILTER": "N",
        "DETECT_THRESH": "8",
        "DETECT_MINAREA": "9",
        "VERBOSE_TYPE": "QUIET",
    }
    options = [word for key, value in settings.items() for word in (f"-{key}", value)]
    run(program, f"{path}[{hdu}]", "-c", "sex.conf", *options, folder=folder)
    return np.loadtxt(folder / "found.cat", ndmin=2) - 1


@pytest.mark.parametrize("find", [photutils, source_extractor])
@pytest.mark.parametrize(("profile", "hdu"), [("notebook", 1), ("siril", 0)])
@pytest.mark.parametrize("origin", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_stars_are_at_their_places(
    *,
    pattern: str,
    origin: tuple[int, int],
    profile: Literal["notebook", "siril"],
    hdu: int,
    find: Callable[[Path, int], NDArray[np.float64]],
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.fits"
    seen(pattern, origin).write(path, settings_for(Output(profile=profile)))
    assert fits.getval(path, "BAYERPAT", hdu) == pattern
    assert_found(find(path, hdu))
