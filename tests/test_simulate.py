"""The camera that is not there: what it writes is what LibRaw reads."""

import itertools
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from arwatch import formats
from arwatch.simulate import Scene, Star, camera, colors_of, render, save_truth, tonight, write_arw

SMALL = Scene(height=128, width=192, stars=10)
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
        assert truth["stars"].shape == (10, 6)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["DSC00001.ARW", "DSC00001.truth.npz"]


def test_a_truth_without_stars(tmp_path: Path) -> None:
    save_truth(tmp_path / "t.npz", render(Scene(height=32, width=32, stars=0)))
    with np.load(tmp_path / "t.npz") as truth:
        assert truth["stars"].shape == (0, 6)


def test_tonight_is_taken_on_this_machine_s_clock() -> None:
    exposure = tonight(64, 96).exposure
    assert exposure.taken is not None
    assert exposure.taken.tzinfo is None
    assert exposure.utc_offset is not None
