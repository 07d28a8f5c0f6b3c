"""The comparison of the engine with its yardstick."""

import numpy as np
import pytest

from arwatch.settings import Background
from arwatch.sky import subtract_background
from arwatch.sky.reference import subtract_background_reference

NARROW = Background(box_size=35, filter_size=9, kernel_stddev=2.0, red_norm=1.60, blue_norm=1.39)
"""The settings of other runs of the same work."""


def assert_like_reference(mosaic, colors, settings=None, *, threads=1, limit=0.005, may_refuse=False):
    """Both at every pixel and box the same, or (`may_refuse`) both without a box that can be used."""
    settings = settings or Background(box_size=20, filter_size=3)
    try:
        expected = subtract_background_reference(mosaic, colors, settings)
    except ValueError:
        if not may_refuse:
            raise
        with pytest.raises(ValueError, match="no box"):
            subtract_background(mosaic, colors, settings, threads=threads)
        return
    found = subtract_background(mosaic, colors, settings, threads=threads)
    assert found.mosaic.dtype == np.float32
    np.testing.assert_allclose(found.mosaic, expected.mosaic, rtol=0, atol=limit)
    for band in ("red", "green", "blue"):
        for mesh in ("mesh", "rms"):
            one, other = getattr(getattr(found, band), mesh), getattr(getattr(expected, band), mesh)
            np.testing.assert_allclose(one, other, rtol=0, atol=limit)
