"""The camera that is not there: what it writes is what LibRaw reads."""

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from arwatch import cli, formats
from arwatch.simulate import (
    SCENES,
    Dome,
    Galaxy,
    Lens,
    Scene,
    Star,
    andromeda,
    camera,
    colors_of,
    render,
    save_truth,
    tonight,
    write_arw,
)
from arwatch.simulate.stars import counted_stars

SMALL = Scene(height=128, width=192, stars=10)
DARK = Scene(height=128, width=192, stars=0, sky=(0, 0, 0), read_noise=0, gain=1e9, black_level=0)
PATTERNS = {
    "RGGB": [[0, 1], [3, 2]],
    "BGGR": [[2, 3], [1, 0]],
    "GRBG": [[1, 0], [2, 3]],
    "GBRG": [[3, 2], [0, 1]],
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", [(22, 22), (37, 51), (128, 192)])
def test_the_reader_gets_the_mosaic_that_was_written(tmp_path: Path, pattern: str, shape: tuple[int, int]) -> None:
    scene = Scene(height=shape[0], width=shape[1], stars=5, pattern=pattern, black_level=480)
    shot = render(scene)
    write_arw(tmp_path / "a.ARW", shot.mosaic, scene.exposure, pattern=pattern, black_level=480)
    frame = formats.read(tmp_path / "a.ARW")
    np.testing.assert_array_equal(frame.mosaic, shot.mosaic)
    assert frame.colors.tolist() == PATTERNS[pattern]
    assert (frame.black_level, frame.white_level) == (480, 16383)
    assert frame.exposure == scene.exposure


@pytest.mark.parametrize("margins", [(2, 0), (1, 0), (0, 1), (3, 5)])
def test_masked_margins_are_cut_off_and_the_pattern_follows(tmp_path: Path, margins: tuple[int, int]) -> None:
    shot = render(SMALL)
    top, left = margins
    write_arw(tmp_path / "a.ARW", np.pad(shot.mosaic, ((top, 0), (left, 0)), constant_values=500), margins=margins)
    frame = formats.read(tmp_path / "a.ARW")
    # the decoder begins at the next even row and column
    np.testing.assert_array_equal(frame.mosaic, shot.mosaic[top % 2 :, left % 2 :])
    assert frame.colors.tolist() == np.roll(PATTERNS["RGGB"], (-(top % 2), -(left % 2)), (0, 1)).tolist()


def test_the_same_number_gives_the_same_frame_and_another_one_other_noise() -> None:
    first, again, second = render(SMALL, 1), render(SMALL, 1), render(SMALL, 2)
    np.testing.assert_array_equal(first.mosaic, again.mosaic)
    np.testing.assert_array_equal(first.sky, second.sky)
    assert first.stars == second.stars
    assert not np.array_equal(first.mosaic, second.mosaic)


def test_noise_and_sky_are_as_the_scene_says() -> None:
    scene = Scene(
        height=400, width=600, stars=0, gradient=(0, 0), vignetting=0, sky=(100, 200, 300), gain=2, read_noise=5
    )
    shot = render(scene)
    bands = colors_of(scene.pattern)
    for y, x in itertools.product((0, 1), repeat=2):
        light = scene.sky[bands[y, x]]
        pixels = shot.mosaic[y::2, x::2].astype(float)
        assert pixels.mean() == pytest.approx(512 + light, abs=0.3)
        assert pixels.std() == pytest.approx(np.sqrt(light / 2 + 25), rel=0.02)
        assert np.all(shot.sky[y::2, x::2] == 512 + light)


def test_a_star_has_its_place_and_flux_in_each_band() -> None:
    star = Star(x=60.3, y=41.8, flux=(2e5, 4e5, 1e5), fwhm=6.0)
    shot = render(Scene(height=96, width=128, stars=(star,), read_noise=0))
    light = shot.mosaic.astype(float) - shot.sky
    ys, xs = np.mgrid[:96, :128]
    near = np.hypot(ys - star.y, xs - star.x) < 16
    bands = np.tile(colors_of("RGGB"), (48, 64))
    for band in range(3):
        own = near & (bands == band)
        assert light[own].sum() / np.mean(bands == band) == pytest.approx(star.flux[band], rel=0.02)
        assert np.average(xs[own], weights=light[own]) == pytest.approx(star.x, abs=0.1)
        assert np.average(ys[own], weights=light[own]) == pytest.approx(star.y, abs=0.1)


def test_bright_light_is_clipped_at_14_bits() -> None:
    assert render(Scene(height=64, width=64, sky=(4e4, 4e4, 4e4))).mosaic.min() == 16383


def test_numbers_go_on_after_the_highest_one(tmp_path: Path) -> None:
    for name in ("DSC00041.ARW", "dsc00007.arw", "DSC99.ARW", "other.ARW"):
        (tmp_path / name).touch()
    names = [path.name for path in camera(tmp_path, frames=2, scene=SMALL)]
    assert names == ["DSC00042.ARW", "DSC00043.ARW"]


def test_time_goes_on_from_frame_to_frame(tmp_path: Path) -> None:
    waited: list[float] = []
    first, second = camera(tmp_path, frames=2, interval_s=5, scene=SMALL, sleep=waited.append)
    assert waited == [5]
    start, end = formats.read(first).exposure.taken, formats.read(second).exposure.taken
    assert start is not None
    assert end == start + timedelta(seconds=35)


def test_a_slow_frame_grows_under_its_own_name(tmp_path: Path) -> None:
    sizes: list[int] = []

    def look(_: float) -> None:
        sizes.append((tmp_path / "DSC00001.ARW").stat().st_size)

    (path,) = camera(tmp_path, frames=1, scene=SMALL, slow=True, sleep=look)
    assert len(sizes) > 10
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == path.stat().st_size


def test_the_truth_is_saved_beside_a_frame(tmp_path: Path) -> None:
    (path,) = camera(tmp_path, frames=1, scene=SMALL, truth=True)
    with np.load(path.with_suffix(".truth.npz")) as truth:
        np.testing.assert_array_equal(truth["sky"], render(SMALL).sky)
        assert truth["stars"].shape == (10, 7)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["DSC00001.ARW", "DSC00001.truth.npz"]


def test_a_truth_without_stars(tmp_path: Path) -> None:
    save_truth(tmp_path / "t.npz", render(Scene(height=32, width=32, stars=0)))
    with np.load(tmp_path / "t.npz") as truth:
        assert truth["stars"].shape == (0, 7)


def test_tonight_is_taken_on_this_machine_s_clock() -> None:
    exposure = tonight(64, 96).exposure
    assert exposure.taken is not None
    assert exposure.taken.tzinfo is None
    assert exposure.utc_offset is not None


def light_of(scene: Scene) -> np.ndarray:
    """Give what one band gets, ADU, without noise."""
    return render(scene).mosaic.astype(float)


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 6.0])
@pytest.mark.parametrize(("beta", "within"), [(2.5, 0.03), (3.0, 0.01), (4.5, 0.01)])
def test_a_moffat_image_has_its_flux_and_width_wherever_it_lies_in_a_pixel(
    fwhm: float, beta: float, within: float
) -> None:
    for x, y in ((60.0, 50.0), (60.5, 50.5), (60.3, 50.1)):
        star = Star(x=x, y=y, flux=(1e5,) * 3, fwhm=fwhm, beta=beta)
        light = light_of(replace(DARK, stars=(star,)))
        assert light.sum() == pytest.approx(1e5, rel=within)  # the rest is fainter than 1 ADU a pixel
        ys, xs = np.mgrid[:128, :192]
        distance = np.hypot(xs - x, ys - y)
        core = fwhm / 2 / np.sqrt(2 ** (1 / beta) - 1)
        law = 1e5 * (beta - 1) / np.pi / core**2 * (1 + (distance / core) ** 2) ** -beta
        wings = (distance > 2 * fwhm) & (law > 5)
        assert light[wings] == pytest.approx(law[wings], rel=0.1, abs=1)


def test_a_narrow_image_keeps_its_light_when_it_moves_by_part_of_a_pixel() -> None:
    fluxes = [
        light_of(replace(DARK, stars=(Star(x=60 + dx, y=50 + dy, flux=(1e4,) * 3, fwhm=2.0, beta=3.0),))).sum()
        for dx in (0.0, 0.25, 0.5) for dy in (0.0, 0.25, 0.5)
    ]  # fmt: skip
    assert np.ptp(fluxes) < 0.01 * np.mean(fluxes)


def test_stars_at_the_edge_and_beyond_it_do_not_come_back_on_the_other_side() -> None:
    stars = tuple(Star(x=x, y=y, flux=(1e5,) * 3, beta=3.0) for x, y in ((0, 0), (-3, 64), (500, 500)))
    light = light_of(replace(DARK, stars=stars))
    assert light[0, 0] > 1000
    assert light[64, 0] > 10
    assert not light[60:, 100:].any()


def test_counted_stars_get_three_times_as_many_with_each_magnitude() -> None:
    stars = counted_stars((1000, 1500), 155.0, 1e9, 14.0, seed=1, fwhm=2.2, beta=3.0)
    magnitudes = 18 - 2.5 * np.log10([star.flux[1] for star in stars]) + 4.5
    counts, _ = np.histogram(magnitudes, np.arange(8, 15))
    assert len(stars) == pytest.approx(155 * 10**2.5, rel=0.02)
    ratios = counts[1:] / counts[:-1]
    assert np.all((ratios > 2.0) & (ratios < 3.3))
    hues = [star.flux[0] / star.flux[2] for star in stars]
    assert np.quantile(hues, 0.9) / np.quantile(hues, 0.1) > 2


def test_a_lens_darkens_with_the_distance_from_the_middle_first_slowly() -> None:
    lens = Lens(rim=1.2, shift=0.8)
    scene = Scene(height=200, width=300, stars=0, gradient=(0, 0), vignetting=0, sky=(1e3,) * 3, lens=lens)
    sky = render(scene).sky - scene.black_level
    along = np.diagonal(sky[100:, 150:250])
    assert np.all(np.diff(along) <= 1e-3)
    assert along[20] > 0.985 * along[0]
    assert 0.4 < sky[-1, -1] / along[0] < 0.7
    assert sky[0, 0] == pytest.approx(sky[-1, -1], rel=1e-5)
    wide = replace(scene, exposure=replace(scene.exposure, focal_length_mm=24.0))
    assert render(wide).sky[0, 0] < render(scene).sky[0, 0], "the natural law is of wide angles"


def test_a_lens_darkens_stars_as_it_does_the_sky() -> None:
    stars = tuple(Star(x=x, y=y, flux=(1e5,) * 3, beta=4.5) for x, y in ((96, 64), (180, 116)))
    light = light_of(replace(DARK, stars=stars, lens=Lens(rim=1.0, shift=0.8)))
    assert light[100:, 160:].sum() < 0.75 * light[:100, :160].sum()


def test_a_town_is_brightest_where_it_lies_and_in_its_colour() -> None:
    dome = Dome(amount=(1.0, 0.5, 0.0), angle=90.0, reach=0.2)
    scene = Scene(height=200, width=300, stars=0, gradient=(0, 0), vignetting=0, sky=(1e3,) * 3, dome=dome)
    sky = render(scene).sky - scene.black_level
    red, green, blue = sky[0::2, 0::2], sky[0::2, 1::2], sky[1::2, 1::2]
    assert red[-1, 0] == pytest.approx(2000, rel=0.02)
    assert green[-1, 0] == pytest.approx(1500, rel=0.02)
    assert np.all(blue == 1000)
    assert np.all(np.diff(red[:, 50]) > 0)
    assert red[-31, 0] - 1000 == pytest.approx((red[-1, 0] - 1000) / np.e, rel=0.01), "60 of 300 pixels"


@pytest.mark.parametrize(("index", "within"), [(1.0, 0.01), (2.0, 0.04)])
def test_a_galaxy_has_its_light_half_of_it_inside_of_its_radius(index: float, within: float) -> None:
    galaxy = Galaxy(x=96.3, y=64.7, flux=(1e6,) * 3, radius=14.0, index=index, axis_ratio=0.6, angle=30.0)
    light = light_of(replace(DARK, galaxies=(galaxy,)))
    ys, xs = np.mgrid[:128, :192]
    turn = np.radians(30)
    along = (xs - 96.3) * np.cos(turn) + (ys - 64.7) * np.sin(turn)
    across = (ys - 64.7) * np.cos(turn) - (xs - 96.3) * np.sin(turn)
    inside = np.hypot(along, across / 0.6) < 14
    assert light.sum() == pytest.approx(1e6, rel=within)
    assert light[inside].sum() == pytest.approx(0.5e6, rel=0.05)


def test_andromeda_is_the_same_sky_at_every_size() -> None:
    small, large = andromeda(200, 300), andromeda(400, 600)
    assert andromeda(200, 300).stars == small.stars
    for one, two in zip(small.galaxies, large.galaxies, strict=True):
        assert (2 * one.x, 2 * one.y, 2 * one.radius) == pytest.approx((two.x, two.y, two.radius))
        # a pixel of twice the size gets four times the light: so does it from the sky
        assert one.flux == pytest.approx([flux / 4 for flux in two.flux])
    shot = render(small)
    nucleus = shot.mosaic[94:102, 137:145].mean()
    assert nucleus > 1.5 * np.median(shot.mosaic)


def test_scenes_are_taken_by_their_names(tmp_path: Path) -> None:
    for name in SCENES:
        arguments = ["simulate", str(tmp_path / name), "--frames", "1", "--size", "64x96", "--scene", name]
        assert CliRunner().invoke(cli.main, arguments).exit_code == 0
    plain, galaxy = (formats.read(tmp_path / name / "DSC00001.ARW") for name in ("plain", "andromeda"))
    assert (plain.exposure.f_number, galaxy.exposure.f_number) == (2.8, 1.8)
