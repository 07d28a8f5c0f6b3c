import numpy as np
import pytest
from photutils.background import Background2D

from arwatch.settings import Background
from arwatch.sky import render_surface, subtract_background
from scenes import RGGB, scene


@pytest.mark.parametrize(
    ("shape", "box_size"),
    [((90, 130), 30), ((91, 131), 30), ((60, 60), 60), ((60, 150), 60), ((150, 60), 100), ((50, 70), 25), ((9, 8), 1)],
)
def test_like_photutils(shape, box_size):
    image = np.random.default_rng(1).normal(1000, 50, shape)
    fit = Background2D(image, box_size, filter_size=1, exclude_percentile=100)
    rendered = render_surface(fit.background_mesh, shape, box_size)
    assert rendered.dtype == np.float32
    np.testing.assert_allclose(rendered, fit.background, rtol=0, atol=1e-3)


def test_a_flat_mesh_is_a_flat_surface():
    np.testing.assert_array_equal(render_surface(np.full((3, 4), 7.25), (30, 40), 10), np.float32(7.25))


def test_it_is_what_was_subtracted():
    mosaic = scene("vignetting", (230, 310)).mosaic
    settings = Background(box_size=40)
    result = subtract_background(mosaic, RGGB, settings)
    restored = result.mosaic[::2, ::2] / settings.red_norm
    restored += render_surface(result.red.mesh, mosaic.shape, settings.box_size)[::2, ::2]
    np.testing.assert_allclose(restored, mosaic[::2, ::2], rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(2, 4), (3, 5), (12,)])
def test_a_mesh_of_another_frame_is_refused(shape):
    with pytest.raises(ValueError, match=r"need \(3, 4\)"):
        render_surface(np.zeros(shape), (30, 40), 10)
