"""The yardstick of `arwatch verify`: photutils on green with the other pixels filled in."""

import numpy as np
import pytest

from arwatch.simulate import Scene, render
from arwatch.stars import measure
from arwatch.stars.reference import star_size

RGGB = np.array([[0, 1], [1, 2]], np.uint8)
WHITE = 16383


def test_photutils_and_the_engine_agree_on_a_star_s_size():
    mosaic = render(Scene(height=500, width=700, stars=150, vignetting=0.0)).mosaic
    ours = measure(mosaic, RGGB, black_level=512, white_level=WHITE).figures.green_fwhm_px
    theirs = star_size(mosaic, RGGB, WHITE)
    assert ours == pytest.approx(3.0, rel=0.03)
    assert theirs == pytest.approx(ours, rel=0.12)


def test_no_stars_have_no_size():
    assert star_size(np.full((60, 80), 600, np.uint16), RGGB, WHITE) is None
