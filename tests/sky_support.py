"""The comparison of the engine with its yardstick."""

import re

import numpy as np
import pytest

from arwatch.settings import Background
from arwatch.sky import subtract_background
from arwatch.sky.reference import subtract_background_reference

NARROW = Background(box_size=35, filter_size=9, kernel_stddev=2.0, red_norm=1.60, blue_norm=1.39)
"""The settings of other runs of the same work."""

COMPUTED, REFUSED = "computed", "refused"


def compare_with_reference(mosaic, colors, settings=None, *, threads=1, limit=0.005):
    """Say what the reference does, compute or refuse, after making sure that the engine does the same.

    If both compute, all pixels and boxes must be the same to within `limit` ADU. If the reference refuses,
    because in some band no box can be used, the engine must refuse for the same reason.
    """
    settings = settings or Background(box_size=20, filter_size=3)
    try:
        expected = subtract_background_reference(mosaic, colors, settings)
    except ValueError as error:
        assert re.match("All (boxes|meshes|input pixels) ", str(error))  # noqa: PT017  what photutils says then
        with pytest.raises(ValueError, match="no box"):
            subtract_background(mosaic, colors, settings, threads=threads)
        return REFUSED
    found = subtract_background(mosaic, colors, settings, threads=threads)
    assert found.mosaic.dtype == np.float32
    np.testing.assert_allclose(found.mosaic, expected.mosaic, rtol=0, atol=limit)
    for band in ("red", "green", "blue"):
        for mesh in ("mesh", "rms"):
            one, other = getattr(getattr(found, band), mesh), getattr(getattr(expected, band), mesh)
            np.testing.assert_allclose(one, other, rtol=0, atol=limit)
    return COMPUTED


def assert_like_reference(mosaic, colors, settings=None, *, threads=1, limit=0.005):
    """Both compute the same."""
    assert compare_with_reference(mosaic, colors, settings, threads=threads, limit=limit) == COMPUTED
