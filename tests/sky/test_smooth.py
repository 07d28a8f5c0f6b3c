"""The smooth model on skies that are known: how flat it leaves them, what it leaves alone, when it gives way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import arwatch
from arwatch.settings import Background
from arwatch.sky import fit_sky, render_surface, subtract_background
from scenes import BAYER, RGGB, XTRANS, add_stars, tiled

SMOOTH = Background(model="smooth", red_norm=1.0, blue_norm=1.0)
LEVELS = {"black_level": 512, "white_level": 16383}
SHAPE = (480, 640)
Y, X = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
R2 = (Y**2 * 9 + X**2 * 16) / 25
LENS = (1 + 0.3 * R2) ** -2 * (1 - 0.1 * R2**3)
TILT = 1 + 0.15 * X - 0.1 * Y
WAVES = np.cos(7 * X + 4 * Y + 1 + 0.8 * np.sin(3 * X - 2 * Y)) * (0.6 + 0.4 * np.cos(2 * X - 3 * Y))
COLORS = np.array([0.45, 1.0, 0.62, 1.0])


def exposed(sky, objects=0.0, *, gain=2.0, seed=1, stars=1.5e-4):
    """Expose a sky and what stands in front of it, ADU above black; `gain` ADU an electron."""
    rng = np.random.default_rng(seed)
    light = np.maximum(sky + objects, 0)
    add_stars(light, rng, density=stars)
    frame = rng.poisson(light / gain) * gain + rng.normal(512, 3, light.shape)
    return np.clip(np.rint(frame), 1, 16383).astype(np.uint16)


def colored(level, colors=RGGB):
    return level * COLORS[tiled(colors, level.shape)]


def surface_of(mosaic, colors=RGGB, method=SMOOTH):
    result = subtract_background(mosaic, colors, method, **LEVELS)
    return mosaic - result.mosaic - 512, result


def error(surface, sky):
    """Of each colour's sky, its rms part."""
    return np.sqrt(np.mean(((surface - sky) / sky.mean()) ** 2))


SKIES = {
    "even": 800 + 0 * X,
    "tilted": 600 * TILT,
    "dark corners": 900 * LENS * TILT,
    "Moon beside the frame": 700 * LENS * (1 + 1.5 * np.exp(-np.hypot(X - 1.3, Y + 1.2) / 0.7)),
    "town below the frame": 500
    * LENS
    * (1 + 6 * np.exp((Y - 1) / 0.35) * (0.5 + 0.5 * np.exp(-(((X - 0.3) / 0.6) ** 2)))),
    "twilight": 4000 * LENS * (1 + 0.6 * TILT),
}


@pytest.mark.parametrize("kind", SKIES)
def test_the_surface_is_the_sky_up_to_the_edges(kind):
    sky = colored(SKIES[kind])
    surface, result = surface_of(exposed(sky))
    assert result.model == "smooth"
    assert result.quality.sure, result.quality
    assert error(surface, sky) < 0.008
    rim = np.maximum(np.abs(X), np.abs(Y)) > 0.94
    assert abs((surface - sky)[rim].mean() - (surface - sky)[~rim].mean()) < 0.005 * sky.mean()


OBJECTS = {
    "nebula": 250 * np.exp(-((X - 0.2) ** 2 + (Y + 0.1) ** 2) / 0.08),
    "galaxy": 600 * np.exp(-np.hypot((X + Y) * 3, X - Y) / 0.3),
    "nebula across the edge": 300 * np.exp(-((X - 0.75) ** 2 + (Y + 0.1) ** 2) / 0.06),
    "band": 150 * np.exp(-(((X + 0.4 * Y - 0.2) / 0.25) ** 2)),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_are_left_alone(kind):
    sky, objects = colored(700 * LENS * TILT), OBJECTS[kind] * LENS
    surface, _ = surface_of(exposed(sky, objects))
    assert error(surface, sky) < 0.015
    seen = objects > 30
    assert abs((surface - sky)[seen].sum()) < 0.1 * objects[seen].sum()


def test_trees_at_the_lower_edge_are_no_sky():
    trees = 0.7 + 0.1 * np.sin(9 * X) < Y
    sky = colored(700 * LENS * TILT)
    mosaic = exposed(sky)
    dark = exposed(0.1 * sky, stars=0)
    surface, _ = surface_of(np.where(trees, dark, mosaic))
    assert error(surface[~trees], sky[~trees]) < 0.01


@pytest.mark.parametrize("pattern", [*BAYER, "X-Trans", "X-Trans from an odd corner"])
def test_every_pattern_gives_the_same_sky(pattern):
    colors = BAYER[pattern] if pattern in BAYER else np.roll(XTRANS, (3, 1) if "odd" in pattern else 0, (0, 1))
    sky = colored(SKIES["dark corners"], colors)
    surface, result = surface_of(exposed(sky), colors)
    assert result.model == "smooth"
    assert error(surface, sky) < 0.008


STORED = {
    "steps of 4": lambda a: (a // 4 * 4 + 2).astype(np.uint16),
    "steps of 16": lambda a: (a // 16 * 16 + 8).astype(np.uint16),
    "steps that grow with the level": lambda a: np.rint(np.rint(np.sqrt(a) * 16) ** 2 / 256).astype(np.uint16),
    "float": lambda a: a.astype(np.float32),
    "float, of another scale": lambda a: a.astype(np.float64) + 0.25,
    "other integers": lambda a: a.astype(np.int32),
    "a tenth missing": lambda a: np.where(np.random.default_rng(5).random(a.shape) < 0.1, 0, a),
    "a dead stripe": lambda a: np.where(np.abs(X - 0.3) < 0.02, 0, a),
    "a dead corner": lambda a: np.where((X < -0.5) & (Y < -0.4), 0, a),
    "hot pixels": lambda a: np.where(np.random.default_rng(5).random(a.shape) < 0.01, 9000, a),
}


@pytest.mark.parametrize("kind", STORED)
@pytest.mark.parametrize("gain", [0.2, 6.0], ids=["ISO 100", "ISO 25600"])
def test_however_the_samples_are_stored(kind, gain):
    sky = colored(SKIES["dark corners"])
    mosaic = STORED[kind](exposed(sky, gain=gain))
    surface, result = surface_of(mosaic)
    assert result.model == "smooth"
    assert error(surface, sky) < 0.01


def test_a_sky_hardly_above_the_read_noise():
    sky = colored(6 * LENS * TILT)
    surface, result = surface_of(exposed(sky, gain=0.5, stars=2e-5))
    assert result.model == "smooth"
    assert np.abs((surface - sky).mean()) < 0.15
    assert error(surface, sky) < 0.05


def test_a_saturated_sky_stays_below_the_white_level():
    sky = colored(5000 * LENS * (1 + 5 * np.exp(-((X - 1.1) ** 2 + (Y + 1.1) ** 2) / 0.6)))
    mosaic = exposed(sky)
    surface, _ = surface_of(mosaic)
    seen = np.minimum(sky, 16383 - 512)
    assert surface.max() <= 16383 - 512 + 0.01
    assert error(surface, seen) < 0.03


def test_one_sky_to_the_bit_for_any_number_of_threads():
    mosaic = exposed(colored(SKIES["dark corners"]))
    first = subtract_background(mosaic, RGGB, SMOOTH, **LEVELS)
    for threads in (2, 3, 8):
        other = subtract_background(mosaic, RGGB, SMOOTH, threads=threads, **LEVELS)
        np.testing.assert_array_equal(other.mosaic, first.mosaic)
        np.testing.assert_array_equal(other.red.mesh, first.red.mesh)


@pytest.mark.parametrize("shape", [(480, 640), (301, 517), (333, 260)])
def test_what_is_kept_renders_what_was_subtracted(shape):
    mosaic = exposed(colored(SKIES["dark corners"]))[: shape[0], : shape[1]]
    sky, rows = fit_sky(mosaic, RGGB, SMOOTH, **LEVELS)
    assert sky.model == "smooth"
    left = rows[:]
    for band, y, x in (("red", 0, 0), ("green", 0, 1), ("green", 1, 0), ("blue", 1, 1)):
        surface = render_surface(getattr(sky, band).mesh, shape, sky.box_size, sky.model)
        np.testing.assert_allclose(mosaic[y::2, x::2] - left[y::2, x::2], surface[y::2, x::2], rtol=0, atol=0.01)
    assert sky.green.level == pytest.approx(np.median(surface[::2, 1::2]) / 0.62, rel=0.4)
    with pytest.raises(ValueError, match="coefficients of shape"):
        render_surface(sky.green.mesh[1:], shape, sky.box_size, sky.model)


@pytest.mark.parametrize(
    "kind", ["dark corners", "town below the frame", "nebula", "band", "airglow", "nebula across the edge"]
)
def test_consecutive_frames_do_not_jump(kind):
    light, objects = SKIES.get(kind, 700 * LENS), OBJECTS.get(kind, 0 * X) * LENS
    if kind == "airglow":
        light = light * (1 + 0.03 * WAVES)
    light, objects, across = (np.kron(part, np.ones((2, 2))) for part in (light, objects, Y))
    shapes = []
    for number in range(3):
        sky = colored(light * (1 + 0.008 * number * across) * (1 + 0.005 * number))
        surface, _ = surface_of(exposed(sky, objects, seed=number))
        ratio = surface / sky
        shapes.append(ratio / ratio.mean())
    for one, other in pairwise(shapes):
        assert np.sqrt(np.mean((one - other) ** 2)) < 0.003


def test_bands_of_airglow_are_sky():
    sky = colored(np.kron(700 * LENS * (1 + 0.04 * WAVES), np.ones((2, 2))))
    surface, _ = surface_of(exposed(sky))
    assert error(surface, sky) < 0.006


def test_glow_behind_trees_is_sky():
    trees = 0.6 - 0.4 * X < Y
    sky = colored(600 * LENS * (1 + 0.5 * np.exp((Y - 1) / 0.6 - ((X - 0.3) / 0.7) ** 2)))
    surface, _ = surface_of(np.where(trees, exposed(0.1 * sky, stars=0), exposed(sky)))
    assert error(surface[~trees], sky[~trees]) < 0.01


def test_the_foot_of_a_saturated_glow_is_no_foreground():
    glow = np.exp(-((X - 0.4) ** 2 / 0.5 + (Y - 1.15) ** 2 / 0.16))
    sky = np.kron(5000 * LENS * (1 + 6 * glow), np.ones((2, 2)))
    sky = np.minimum(colored(sky), 16383 - 512)
    surface, _ = surface_of(exposed(sky))
    assert error(surface, sky) < 0.03


def test_a_frame_of_nothing_but_milky_way_is_not_sure():
    rng = np.random.default_rng(3)
    waves = sum(rng.normal() * np.cos(rng.normal(0, 6, 2) @ np.array([X.ravel(), Y.ravel()]) + i) for i in range(12))
    clouds = 150 * np.clip(waves.reshape(SHAPE), 0, None)
    _, result = surface_of(exposed(colored(500 * LENS), clouds))
    assert not result.quality.sure
    assert result.quality.doubt


def test_a_sky_with_the_colour_of_a_nebula_in_its_middle_is_not_sure():
    hydrogen = np.array([1.0, 0.2, 0.3, 0.2])[tiled(RGGB, SHAPE)]
    nebula = 500 * np.exp(-(X**2 + Y**2) / 1.2) * hydrogen
    _, result = surface_of(exposed(colored(500 * LENS), nebula * LENS))
    assert not result.quality.sure


@pytest.mark.parametrize("shape", [(1, 1), (40, 60), (200, 900)])
def test_frames_too_small_for_a_surface_get_the_mesh(shape):
    mosaic = np.random.default_rng(1).poisson(900, shape).astype(np.uint16)
    method = SMOOTH.model_copy(update={"box_size": 20, "filter_size": 3, "fill": False})
    colors = RGGB
    try:
        expected = subtract_background(mosaic, colors, method.model_copy(update={"model": "mesh"}))
    except ValueError:
        with pytest.raises(ValueError, match="no box"):
            subtract_background(mosaic, colors, method, **LEVELS)
        return
    found = subtract_background(mosaic, colors, method, **LEVELS)
    np.testing.assert_array_equal(found.mosaic, expected.mosaic)
    assert (found.model, found.quality.sure) == ("mesh", False)
    assert "too few boxes" in found.quality.doubt


def test_scale_says_what_still_is_sky():
    waves = 0.03 * np.cos(6 * X + 2 * Y + 1)
    sky = colored(800 * (1 + waves))
    errors = [
        error(surface_of(exposed(sky, stars=0), method=SMOOTH.model_copy(update={"scale": s}))[0], sky)
        for s in (0.1, 0.8)
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize(
    "levels", [{}, {"black_level": 512}, {"white_level": 16383}, {"black_level": 900, "white_level": 512}]
)
def test_levels_are_asked_for(levels):
    with pytest.raises(ValueError, match="black_level and white_level"):
        arwatch.subtract_background(np.ones(SHAPE, np.uint16), RGGB, SMOOTH, **levels)


frames = st.builds(
    lambda shape, level, zeros, bright, seed: (
        np.random.default_rng(seed).poisson(level, shape)
        * (np.random.default_rng(seed + 1).random(shape) >= zeros)
        * np.where(np.random.default_rng(seed + 2).random(shape) < bright, 30, 1)
    ).clip(0, 16383).astype(np.uint16),
    st.tuples(st.integers(256, 300), st.integers(256, 300)),
    st.sampled_from([0, 1, 20, 511, 513, 2000, 16383, 30000]),
    st.sampled_from([0, 0.05, 0.5, 0.95]),
    st.sampled_from([0, 0.01, 0.3]),
    st.integers(0, 2**16),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames, st.sampled_from([*BAYER.values(), XTRANS]))
def test_no_frame_breaks_it(mosaic, colors):
    method = SMOOTH.model_copy(update={"box_size": 50, "filter_size": 3})
    try:
        subtract_background(mosaic, colors, method.model_copy(update={"model": "mesh"}))
    except ValueError:  # where the mesh cannot take its place either
        return
    found = subtract_background(mosaic, colors, method, **LEVELS)
    assert np.isfinite(found.mosaic).all()
    assert found.quality is not None
