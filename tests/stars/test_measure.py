"""The whole measurement on frames whose stars are known, photutils beside it."""

import warnings

import numpy as np
import pytest
from photutils.detection import DAOStarFinder
from photutils.psf import fit_fwhm

from arwatch.model.figures import Figures
from arwatch.stars import Cells, StarList
from scenes import BAYER, XTRANS
from star_support import BLACK, NOISE, SHAPE, WHITE, Stars, disturbed, frame_of, measured, some

PATTERNS = {
    **BAYER,
    "X-Trans": XTRANS,
    "X-Trans, odd origin": np.roll(XTRANS, (1, 2), (0, 1)),
    "grey": np.ones((1, 1), int),
}


@pytest.mark.parametrize("fwhm", [1.7, 2.2, 3.0, 4.5, 6.0])
def test_star_size_is_the_true_one_in_every_band(fwhm):
    figures = measured(frame_of(some(), fwhm)).figures
    assert figures.green_fwhm_px == pytest.approx(fwhm, rel=0.02)
    assert figures.green_fwhm_error_px < 0.03 * fwhm
    for size in (figures.red_fwhm_px, figures.blue_fwhm_px):
        assert size == pytest.approx(fwhm, rel=0.04)
    assert figures.axis_ratio > 0.97
    if fwhm < 5:  # of larger ones light is beyond 7 pixels
        assert figures.hfd_px == pytest.approx(fwhm, rel=0.04)


def test_star_size_is_that_of_photutils_where_every_pixel_has_one_colour():
    stars, one = some(), np.ones((1, 1), int)
    mosaic = frame_of(stars, 3.3, colors=one)
    bright = np.argsort(-stars.flux)[:40]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sizes = fit_fwhm(mosaic - (BLACK + 800.0), xypos=np.stack([stars.x, stars.y], 1)[bright], fwhm=3, fit_shape=11)
    # it tells the size without the pixel, whose variance is a twelfth
    theirs = np.sqrt(np.median(sizes) ** 2 + 8 * np.log(2) / 12)
    assert measured(mosaic, one).figures.green_fwhm_px == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_colour_pattern_gives_the_same(pattern):
    colors = PATTERNS[pattern]
    found = measured(frame_of(some(), 2.8, colors=colors), colors)
    assert found.figures.green_fwhm_px == pytest.approx(2.8, rel=0.02)
    assert found.figures.green_stars == pytest.approx(len(some().x), rel=0.1)
    assert (found.figures.red_fwhm_px is None) == (pattern == "grey")
    assert (found.figures.red_stars is None) == (pattern == "grey")


@pytest.mark.parametrize(("ratio", "angle"), [(0.9, 20.0), (0.75, 100.0), (0.5, 165.0)])
def test_elongation_and_its_direction(ratio, angle):
    figures = measured(frame_of(some(), 3.2, ratio=ratio, angle=angle)).figures
    assert figures.axis_ratio == pytest.approx(ratio, abs=0.02)
    assert figures.angle_deg == pytest.approx(angle, abs=2)
    assert figures.coherence > 0.9


@pytest.mark.parametrize(("length", "angle"), [(2.0, 30.0), (4.0, 120.0), (6.0, 75.0)])
def test_a_trail_is_told_by_the_moments_of_its_image(length, angle):
    """Its image, a Gaussian at every point of a line, is no ellipse."""
    stars, steps = some(), np.linspace(-0.5, 0.5, 25) * length
    sky = np.full(SHAPE, BLACK + 800.0)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    light = [frame_of(Stars(stars.x + t * c, stars.y + t * s, stars.flux), 2.5, noise=0.0) - sky for t in steps]
    mosaic = np.random.default_rng(6).normal(sky + np.mean(light, axis=0), NOISE)
    figures = measured(mosaic.astype(np.uint16)).figures
    assert figures.axis_ratio == pytest.approx((1 + length**2 / 12 / (2.5 / 2.3548) ** 2) ** -0.5, abs=0.02)
    assert figures.angle_deg == pytest.approx(angle, abs=2)


def test_places_and_fluxes_are_the_true_ones():
    stars = some()
    found = measured(frame_of(stars, 2.5)).stars
    assert len(found) == 120
    assert (np.diff(found.flux) <= 0).all()
    away = np.hypot(found.x[:, None] - stars.x, found.y[:, None] - stars.y)
    nearest = away.argmin(1)
    assert np.sqrt(np.mean(away.min(1)[:60] ** 2)) < 0.06
    assert found.flux[:60] == pytest.approx(stars.flux[nearest][:60], rel=0.1)
    assert np.median(found.flux / stars.flux[nearest]) == pytest.approx(1, abs=0.01)


def test_faint_stars_are_found_also_those_that_dao_star_finder_finds():
    one = np.ones((1, 1), int)
    grid = some(100)
    fwhm, snr = 2.6, 12.0
    flux = snr * NOISE * (4 * np.pi) ** 0.5 * fwhm / 2.3548
    bright = np.arange(len(grid.x)) % 4 == 0  # those tell the size
    faint = Stars(grid.x, grid.y, np.where(bright, 20_000, flux))
    mosaic = frame_of(faint, fwhm, colors=one)
    found = measured(mosaic, one)
    theirs = DAOStarFinder(5 * NOISE, fwhm)(mosaic - (BLACK + 800.0))
    x, y = (
        next(theirs[name] for name in (f"{axis}_centroid", f"{axis}centroid") if name in theirs.colnames)
        for axis in "xy"
    )
    away = np.hypot(found.stars.x - np.asarray(x)[:, None], found.stars.y - np.asarray(y)[:, None])
    assert len(theirs) > 50
    assert np.mean(away.min(1) < 1) > 0.97
    assert 0.97 * len(grid.x) <= found.figures.green_stars <= len(grid.x)


def test_hot_pixels_and_tracks_are_no_stars():
    sky = frame_of(Stars(*np.zeros((3, 0))), sky=50.0, noise=4.0)
    dark = measured(disturbed(sky, hot=2000, tracks=40)).figures
    assert (dark.red_stars, dark.green_stars, dark.blue_stars, dark.streaks) == (0, 0, 0, 0)
    assert dark.green_fwhm_px is None
    clean = measured(frame_of(some())).figures
    dirty = measured(disturbed(frame_of(some()), hot=1500, tracks=30)).figures
    assert dirty.green_stars == pytest.approx(clean.green_stars, abs=6)
    assert dirty.green_fwhm_px == pytest.approx(clean.green_fwhm_px, rel=0.02)


def test_saturated_stars_are_counted_and_leave_the_size_alone():
    stars = some()
    flux = stars.flux.copy()
    flux[[20, 60, 100]] = 3e6
    figures = measured(frame_of(Stars(stars.x, stars.y, flux))).figures
    assert figures.saturated_stars == 3
    assert figures.green_fwhm_px == pytest.approx(3, rel=0.02)


def test_a_streak_is_counted_and_is_no_star():
    mosaic = frame_of(some()).astype(float)
    y, x = np.indices(SHAPE, sparse=True)
    mosaic += 120 * np.exp(-((0.6 * x - 0.8 * y - 20) ** 2) / 2 / 1.5**2)
    with_it = measured(mosaic.astype(np.uint16)).figures
    without = measured(frame_of(some())).figures
    assert (without.streaks, with_it.streaks) == (0, 1)
    assert without.green_stars - 12 <= with_it.green_stars <= without.green_stars + 1


def test_knots_of_a_nebula_are_no_stars():
    rng = np.random.default_rng(4)
    knots = Stars(rng.uniform(20, 880, 25), rng.uniform(20, 580, 25), np.full(25, 60_000.0))
    nebula = frame_of(knots, 14.0, noise=0.0).astype(float) - BLACK - 800
    plain, behind = (measured((frame_of(some()) + light).astype(np.uint16)).figures for light in (0, nebula))
    assert behind.green_stars <= plain.green_stars
    assert behind.green_fwhm_px == pytest.approx(3, rel=0.02)


def test_rings_out_of_focus_have_their_half_light_diameter():
    """A ring of 3 to 9 pixels' radius holds half of its light within the radius at which half of its area lies."""
    rng = np.random.default_rng(5)
    stars = some(60, shape=(1000, 1400))
    light = np.full((1000, 1400), BLACK + 800.0)
    y, x = np.indices(light.shape, sparse=True)
    for x0, y0, flux in zip(stars.x, stars.y, stars.flux, strict=True):
        box = np.s_[max(int(y0) - 12, 0) : int(y0) + 13, max(int(x0) - 12, 0) : int(x0) + 13]
        r = np.hypot(y[box[0]] - y0, x[:, box[1]] - x0)
        light[box] += (20_000 + flux) * ((r > 3) & (r < 9)) / 226
    figures = measured(rng.normal(light, NOISE).astype(np.uint16)).figures
    assert figures.hfd_px == pytest.approx(2 * ((3**2 + 9**2) / 2) ** 0.5, rel=0.04)
    assert figures.green_stars > 40
    assert figures.concentration is None


def test_results_do_not_depend_on_threads():
    mosaic = disturbed(frame_of(some()), hot=500)
    one, three = (measured(mosaic, threads=threads) for threads in (1, 3))
    assert one.figures == three.figures
    assert (one.stars.pack(), one.cells.pack(), one.field) == (three.stars.pack(), three.cells.pack(), three.field)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 5), (22, 22), (64, 64), (65, 200)])
@pytest.mark.parametrize("value", [0, 1, BLACK, WHITE, 65535])
def test_a_frame_of_one_value_has_no_stars(shape, value):
    found = measured(np.full(shape, value, np.uint16))
    assert found.figures.green_fwhm_px is None
    assert not found.figures.green_stars
    assert len(found.stars) == 0


@pytest.mark.parametrize("seed", range(8))
def test_noise_of_any_kind_gives_no_exception_and_no_stars(seed):
    rng = np.random.default_rng(seed)
    kind = [np.uint16, np.float32, np.int32, np.uint8][seed % 4]
    mosaic = rng.integers(0, 255, rng.integers(1, 150, 2)).astype(kind)
    found = measured(mosaic, field=b"of another version")
    assert not found.figures.green_stars
    assert Figures.of(found.figures.known()).known() == found.figures.known()


def test_a_small_frame_of_few_stars_is_measured_as_far_as_it_goes():
    stars = Stars(
        *(np.array(values, float) for values in ([15, 40, 22, 50, 32, 12], [12, 20, 45, 48, 30, 28], [9000] * 6))
    )
    figures = measured(frame_of(stars, shape=(64, 64))).figures
    assert figures.green_stars == 6
    assert figures.green_fwhm_px is None


@pytest.mark.parametrize("noise", [1.5, 8.0, 30.0])
def test_noise_of_the_samples(noise):
    figures = measured(frame_of(some(), noise=noise)).figures
    assert figures.green_pixel_noise == pytest.approx((noise**2 + 1 / 12) ** 0.5, rel=0.04)
    assert figures.red_pixel_noise == pytest.approx((noise**2 + 1 / 12) ** 0.5, rel=0.04)


def test_coarse_maps_tell_where_stars_are_larger_and_the_sky_is_brighter():
    left, right = frame_of(some(400), 2.5), frame_of(some(400), 3.5)
    mosaic = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, left, right + 300).astype(np.uint16)
    cells = measured(mosaic).cells
    assert np.nanmedian(cells.fwhm_px[:, :3]) == pytest.approx(2.5, rel=0.08)
    assert np.nanmedian(cells.fwhm_px[:, 5:]) == pytest.approx(3.5, rel=0.08)
    assert np.median(cells.sky[:, :3]) == pytest.approx(800 / 30, rel=0.02)
    assert np.median(cells.sky[:, 5:]) == pytest.approx(1100 / 30, rel=0.02)


def test_star_size_in_the_sky_follows_from_the_scale():
    figures = measured(frame_of(some()), arcsec_per_px=2.5).figures
    assert figures.fwhm_arcsec == pytest.approx(2.5 * figures.green_fwhm_px)


def test_what_is_packed_comes_back():
    found = measured(frame_of(some()))
    stars, cells = StarList.unpack(found.stars.pack()), Cells.unpack(found.cells.pack())
    assert stars.shape == SHAPE
    for name in ("x", "y", "flux", "core"):
        np.testing.assert_array_equal(getattr(stars, name), getattr(found.stars, name))
    np.testing.assert_allclose(cells.fwhm_px, found.cells.fwhm_px, rtol=1e-3)
    np.testing.assert_array_equal(cells.sky, found.cells.sky)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_must_be_some(threads):
    with pytest.raises(ValueError, match="threads must be at least 1"):
        measured(np.ones((10, 10), np.uint16), threads=threads)
