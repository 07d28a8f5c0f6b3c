from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from arwatch.settings import Background
from arwatch.sky import subtract_background
from scenes import BAYER, RGGB, XTRANS, scene
from sky_support import COMPUTED, NARROW, REFUSED, assert_like_reference, compare_with_reference

ESTIMATORS = ("mode", "median", "mean", "sextractor")


def frame(shape=(103, 140), *, level=1000, seed=1):
    rng = np.random.default_rng(seed)
    mosaic = rng.normal(level, 20, shape) + np.linspace(-60, 60, shape[1])
    mosaic[rng.random(shape) < 0.01] += 3000
    return np.clip(np.rint(mosaic), 1, 16383).astype(np.uint16)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("sigma", [5.0, 3.0])
def test_estimators(estimator, fill, sigma):
    settings = Background(box_size=20, filter_size=3, estimator=estimator, fill=fill, sigma=sigma)
    assert_like_reference(frame(), RGGB, settings)


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("name", BAYER)
def test_bayer_orders(name, fill):
    assert_like_reference(frame(), BAYER[name], Background(box_size=20, filter_size=3, fill=fill))


@pytest.mark.parametrize("box_size", [20, 35, 300])
@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("offset", [(0, 0), (1, 4), (5, 2)])
def test_xtrans(box_size, fill, offset):
    colors = np.roll(XTRANS, offset, (0, 1))
    assert_like_reference(frame(), colors, Background(box_size=box_size, filter_size=3, fill=fill))


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize(
    ("shape", "box_size"),
    [
        ((120, 160), 20),  # whole boxes only
        ((121, 161), 20),  # leftovers of one row and one column
        ((139, 179), 20),  # leftovers that are large enough to count, the corner among them
        ((138, 178), 20),  # leftovers of exactly 90 %
        ((101, 143), 33),
        ((101, 143), 101),
        ((101, 143), 143),
        ((101, 143), 100_000),
        ((61, 150), 61),
        ((64, 1), 16),
        ((1, 64), 16),
        ((2, 2), 2),
        ((1, 1), 1),
    ],
)
def test_boxes_and_frames_of_any_size(shape, box_size, fill):
    mosaic = frame(shape)
    settings = Background(box_size=box_size, filter_size=3, fill=fill)
    # one row or column of a Bayer pattern has no blue samples, and with `fill = false` blue needs some
    expected = COMPUTED if fill or min(shape) > 1 else REFUSED
    assert compare_with_reference(mosaic, RGGB, settings) == expected


@pytest.mark.parametrize("box_size", [1, 3])
def test_boxes_of_a_pixel_or_few(box_size):
    assert_like_reference(frame((23, 31)), RGGB, Background(box_size=box_size, filter_size=3))


@pytest.mark.parametrize("filter_size", [1, 5, 11, 101])
def test_mesh_filters(filter_size):
    assert_like_reference(frame(), RGGB, Background(box_size=14, filter_size=filter_size))


@pytest.mark.parametrize("kernel_stddev", [0.05, 0.3, 1.0, 2.0, 7.5])
def test_kernels(kernel_stddev):
    mosaic = frame()
    mosaic[40:46, 50:53] = 0
    assert_like_reference(mosaic, RGGB, Background(box_size=20, filter_size=3, kernel_stddev=kernel_stddev))


@pytest.mark.parametrize("max_iterations", [1, 2, 10])
def test_rounds_of_clipping(max_iterations):
    settings = Background(box_size=20, filter_size=1, sigma=2.7, max_iterations=max_iterations)
    assert_like_reference(frame((119, 139)), RGGB, settings)


def dead_pixels(mosaic):
    mosaic[np.random.default_rng(3).random(mosaic.shape) < 0.003] = 0


def dead_corners(mosaic):
    mosaic[0, 0] = mosaic[-1, -1] = mosaic[0, -1] = mosaic[-2, 1] = 0


def dead_column(mosaic):
    mosaic[:, 31] = 0


def dead_region(mosaic):
    mosaic[30:60, 20:70] = 0


def mostly_zero(mosaic):
    mosaic[np.random.default_rng(3).random(mosaic.shape) < 0.7] = 0


def no_blue(mosaic):
    mosaic[1::2, 1::2] = 0


def dark(mosaic):
    mosaic[:] = np.random.default_rng(3).poisson(1.0, mosaic.shape)


def all_zero(mosaic):
    mosaic[:] = 0


def constant(mosaic):
    mosaic[:] = 1234


def saturated(mosaic):
    mosaic[:] = 16383


def half_saturated(mosaic):
    mosaic[:50] = 16383


@pytest.mark.parametrize("colors", [RGGB, XTRANS], ids=["Bayer", "X-Trans"])
@pytest.mark.parametrize(
    "spoil",
    [
        dead_pixels,
        dead_corners,
        dead_column,
        dead_region,
        mostly_zero,
        no_blue,
        dark,
        all_zero,
        constant,
        saturated,
        half_saturated,
    ],
)
def test_zeros_and_constants(spoil, colors):
    mosaic = frame()
    spoil(mosaic)
    assert_like_reference(mosaic, colors)


def test_sixteen_bits():
    mosaic = frame()
    mosaic[:50] = 65535
    mosaic[70:] += 30000
    assert_like_reference(mosaic, RGGB)


def test_own_samples_that_are_zero_are_no_samples():
    mosaic = frame()
    dead_pixels(mosaic)
    dead_column(mosaic)
    dead_region(mosaic)
    assert_like_reference(mosaic, RGGB, Background(box_size=20, filter_size=3, fill=False))


@pytest.mark.parametrize("settings", [Background(), NARROW], ids=["default", "narrow"])
@pytest.mark.parametrize("kind", ["crowded", "nebula", "Moon glow"])
def test_skies(kind, settings):
    assert_like_reference(scene(kind, (340, 420)).mosaic, RGGB, settings)


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", "i4", "u4", "i8", "f2", "f4", ">f4", "f8"])
def test_numbers_of_any_type(dtype):
    assert_like_reference((frame((60, 80)) % 251).astype(dtype), RGGB)


def test_negative_and_large_values():
    assert_like_reference(frame().astype(float) - 1000.25, RGGB)
    assert_like_reference(frame().astype(float) + 1e6, RGGB, limit=0.1)  # float32 cannot say it more exactly


def test_views_and_read_only_arrays():
    mosaic = frame()
    expected = subtract_background(mosaic, RGGB)
    framed = np.zeros((mosaic.shape[0] + 5, mosaic.shape[1] + 7), np.uint16)
    framed[2:-3, 3:-4] = mosaic
    for same in (framed[2:-3, 3:-4], np.asfortranarray(mosaic), np.broadcast_to(mosaic, mosaic.shape)):
        np.testing.assert_array_equal(subtract_background(same, RGGB).mosaic, expected.mosaic)


def test_the_input_is_left_alone():
    mosaic = frame()
    before = mosaic.copy()
    subtract_background(mosaic, RGGB)
    np.testing.assert_array_equal(mosaic, before)


def same(one, other):
    bands = [(getattr(one, band), getattr(other, band)) for band in ("red", "green", "blue")]
    return np.array_equal(one.mosaic, other.mosaic) and all(
        np.array_equal(a.mesh, b.mesh) and np.array_equal(a.rms, b.rms) for a, b in bands
    )


@pytest.mark.parametrize("fill", [True, False])
def test_threads_do_not_change_a_bit(fill):
    mosaic = scene("crowded", (400, 900)).mosaic
    settings = Background(box_size=30, fill=fill)
    expected = subtract_background(mosaic, RGGB, settings)
    for threads in (2, 3, 7):
        assert same(subtract_background(mosaic, RGGB, settings, threads=threads), expected)


def test_calls_at_the_same_time():
    frames = [frame(seed=seed) for seed in range(6)]
    expected = [subtract_background(mosaic, RGGB) for mosaic in frames]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda mosaic: subtract_background(mosaic, RGGB, threads=2), frames))
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_level_and_noise_are_the_sky_s():
    result = subtract_background(scene("linear gradient", (600, 600)).mosaic, RGGB)
    assert result.green.level == pytest.approx(1000, abs=5)
    assert result.red.level == pytest.approx(800, abs=5)
    own = subtract_background(scene("linear gradient", (600, 600)).mosaic, RGGB, Background(fill=False))
    assert own.green.noise == pytest.approx(np.sqrt(2 * 1000 + 16), rel=0.1)
