"""Every sky model of the registry does what the protocol says."""

from typing import get_args

import numpy as np
import pytest

import fits_support
from arwatch.model.figures import Figures
from arwatch.output import fits
from arwatch.settings import Background, Output
from arwatch.simulate import Scene
from arwatch.sky import MODELS
from fits_support import METHOD, ORIGIN, settings_for
from scenes import RGGB, scene

LEVELS = {"black_level": 512, "white_level": 16383}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_the_sky_and_the_mosaic_without_it(name):
    made = scene("linear gradient", (300, 400))
    sky, rows = MODELS[name](made.mosaic, RGGB, Background(box_size=50, filter_size=3), **LEVELS, threads=2)
    assert rows.shape == made.mosaic.shape
    assert rows.dtype == np.float32
    green = rows[0:300][0::2, 1::2]
    assert abs(np.median(green)) < 1.0, "what is left of the green sky"
    assert sky.green.level == pytest.approx(np.median(made.sky[0::2, 1::2]), rel=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_what_a_model_took_off_can_be_put_back(name, tmp_path):
    """`arwatch restore` renders the surface anew, from nothing but what the file says of the model."""
    frame = fits_support.made(Scene(height=300, width=400, stars=5)).frame
    method = METHOD.model_copy(update={"model": name})
    sky, rows = MODELS[name](frame.mosaic, frame.colors, method, **LEVELS)
    output, settings = tmp_path / "a.fits", settings_for(Output(), background=method)
    fits.write(output, frame, sky, rows, origin=ORIGIN, figures=Figures(), settings=settings)
    assert fits.open(output).model == name
    np.testing.assert_array_equal(fits.restore(output), frame.mosaic)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_refuses_what_has_no_sky(name):
    with pytest.raises(ValueError, match="keeps 90 %"):
        MODELS[name](np.zeros((100, 100), np.uint16), RGGB, Background(fill=False), **LEVELS)


def test_the_settings_choose_among_all_models_and_the_method_is_the_default():
    assert list(MODELS) == list(get_args(Background.model_fields["model"].annotation))
    assert Background().model == next(iter(MODELS)) == "mesh"
