from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arwatch.settings import Background
from arwatch.sky import subtract_background
from arwatch.sky.mesh import tiles
from scenes import BAYER, XTRANS, tiled
from sky_support import COMPUTED, REFUSED, compare_with_reference


def exposed(shape, level, zeros, stars, seed):
    rng = np.random.default_rng(seed)
    mosaic = rng.poisson(level, shape) + rng.uniform(0, level * 0.2) * np.linspace(0, 1, shape[1])
    mosaic[rng.random(shape) < stars] *= 4
    mosaic[rng.random(shape) < zeros] = 0
    return mosaic.astype(np.uint16)


frames = st.builds(
    exposed,
    st.tuples(st.integers(30, 90), st.integers(30, 90)),
    st.sampled_from([3, 60, 1000, 12000]),
    st.sampled_from([0, 0, 0.001, 0.05, 0.5]),
    st.sampled_from([0, 0.01, 0.05]),
    st.integers(0, 2**32 - 1),
)
methods = st.builds(
    Background,
    box_size=st.integers(5, 30),
    filter_size=st.sampled_from([1, 3, 5]),
    sigma=st.sampled_from([2.5, 3.0, 5.0]),
    max_iterations=st.integers(1, 6),
    estimator=st.sampled_from(["mode", "median", "mean", "sextractor"]),
    kernel_stddev=st.sampled_from([0.4, 1.0, 2.0]),
    fill=st.booleans(),
)
patterns = st.sampled_from([*BAYER.values(), XTRANS, np.roll(XTRANS, (1, 2), (0, 1))])


sizes = st.sampled_from([tiles.TILE, (1, 1), (16, 32), (40, 24)])
"""Of tiles: as they are, and so small that some lie inside these small frames."""


def outcome(mosaic, colors, method):
    """The result, or the message of the engine's refusal."""
    try:
        return subtract_background(mosaic, colors, method)
    except ValueError as error:
        return str(error)


def assert_both_occur(outcomes):
    """An engine that refuses every frame, or none, shall not pass."""
    assert outcomes[COMPUTED] >= 1, outcomes
    assert outcomes[REFUSED] >= 1, outcomes


SOUND = exposed((60, 50), 1000, 0, 0.01, 1)
USUAL = Background(box_size=20, filter_size=3, fill=False)
NARROW_LIMITS = Background(box_size=20, filter_size=3, fill=False, sigma=1.0)
"""One standard deviation clips a third of normal noise: no box keeps 90 %, and every frame is refused."""


def test_engine_and_reference_agree():
    outcomes = Counter()

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(frames, patterns, methods, st.integers(1, 3), sizes)
    @example(SOUND, XTRANS, USUAL, 2, tiles.TILE)
    @example(SOUND, XTRANS, NARROW_LIMITS, 2, (16, 32))
    def agree(mosaic, colors, method, threads, tile):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tiles, "TILE", tile)
            outcomes[compare_with_reference(mosaic, colors, method, threads=threads)] += 1

    agree()
    assert_both_occur(outcomes)


def test_the_period_says_what_the_whole_map_says():
    outcomes = Counter()

    @settings(max_examples=25, deadline=None)
    @given(frames, patterns, methods)
    @example(SOUND, XTRANS, USUAL)
    @example(SOUND, XTRANS, NARROW_LIMITS)
    def agree(mosaic, colors, method):
        expected = outcome(mosaic, colors, method)
        found = outcome(mosaic, tiled(colors, mosaic.shape), method)
        if isinstance(expected, str):
            assert found == expected
            outcomes[REFUSED] += 1
        else:
            np.testing.assert_array_equal(found.mosaic, expected.mosaic)
            outcomes[COMPUTED] += 1

    agree()
    assert_both_occur(outcomes)


def test_a_brighter_sky_changes_the_meshes_alone():
    """The same examples each time: a sample that lies just on a limit of clipping falls to either side by rounding."""
    outcomes = Counter()

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(frames, patterns, methods, st.integers(1, 5000))
    @example(SOUND, BAYER["RGGB"], USUAL, 300)
    @example(SOUND, BAYER["RGGB"], NARROW_LIMITS, 300)
    def agree(mosaic, colors, method, offset):
        mosaic = np.maximum(mosaic, 1)
        # at the edge zeros from beyond it are filled in, which do not grow with the sky
        method = method.model_copy(update={"fill": False})
        expected = outcome(mosaic, colors, method)
        found = outcome((mosaic + offset).astype(np.uint16), colors, method)
        if isinstance(expected, str):
            assert found == expected
            outcomes[REFUSED] += 1
            return
        outcomes[COMPUTED] += 1
        for band in ("red", "green", "blue"):
            one, other = getattr(expected, band), getattr(found, band)
            np.testing.assert_allclose(other.mesh, one.mesh + offset, rtol=0, atol=0.005)
            np.testing.assert_allclose(other.rms, one.rms, rtol=0, atol=0.005)

    agree()
    assert_both_occur(outcomes)
