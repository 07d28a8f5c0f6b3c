"""What Siril makes of the `siril` profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from arwatch.settings import Output
from arwatch.simulate import Scene, Star
from fits_support import PATTERNS, made, need_tool, run, settings_for, white

SIRIL = settings_for(Output(profile="siril"))
PLACES = {"red": (40, 60), "green": (100, 200), "blue": (190, 120)}
"""Row and column of a star that shines in one colour only."""


def siril(folder: Path, *commands: str) -> str:
    script = folder / "script.ssf"
    script.write_text("\n".join(["requires 1.0.0", *commands, ""]))
    return run(need_tool("siril-cli"), "-d", folder, "-s", script, folder=folder)


def three_stars(pattern: str) -> Scene:
    fluxes = np.eye(3) * 300_000
    stars = tuple(
        Star(x=x, y=y, flux=tuple(flux), fwhm=5.0) for (y, x), flux in zip(PLACES.values(), fluxes, strict=True)
    )
    return Scene(height=240, width=320, stars=stars, pattern=pattern)


def colors_at_places(image: np.ndarray) -> list[str]:
    """The brightest colour at each of the three places of (3, ny, nx)."""
    patches = [image[:, y - 2 : y + 3, x - 2 : x + 3].mean(axis=(1, 2)) for y, x in PLACES.values()]
    return [list(PLACES)[int(patch.argmax())] for patch in patches]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_debayers_to_the_right_colors(pattern: str, compress: bool, tmp_path: Path) -> None:
    one = made(three_stars(pattern))
    name = "frame.fits.fz" if compress else "frame.fits"
    (tmp_path / "night").mkdir()
    one.write(tmp_path / "night" / name, settings_for(Output(profile="siril", compress=compress)))
    said = siril(tmp_path, "cd night", "convert color -debayer -out=../done")
    assert f"Filter Pattern: {pattern}" in said
    with fits.open(tmp_path / "done" / "color_00001.fit") as hdus:
        image, header = hdus[0].data, hdus[0].header
    assert image.shape == (3, 240, 320)
    assert colors_at_places(image) == ["red", "green", "blue"]
    for plane in image:
        assert np.median(plane) * 65535 == pytest.approx(1000, abs=20)
    assert header["DATE-OBS"].startswith("2024-08-12T21:15:07.25")
    assert header["EXPTIME"] == 30


def test_a_clock_of_unknown_zone_is_read_as_it_is(tmp_path: Path) -> None:
    scene = three_stars("RGGB")
    one = made(replace(scene, exposure=replace(scene.exposure, utc_offset=None, exposure_s=None)))
    (tmp_path / "night").mkdir()
    one.write(tmp_path / "night" / "frame.fits", SIRIL)
    siril(tmp_path, "cd night", "convert color -out=../done")
    header = fits.getheader(tmp_path / "done" / "color_00001.fit")
    assert header["DATE-OBS"].startswith("2024-08-12T23:15:07.25")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_colors_by_numpy(pattern: str, tmp_path: Path) -> None:
    made(three_stars(pattern)).write(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        mosaic, letters = hdus[1].data, hdus[1].header["BAYERPAT"]
    image = np.zeros((3, *mosaic.shape))
    for place, letter in enumerate(letters):
        own = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        image["RGB".index(letter)][own] = mosaic[own]
    assert colors_at_places(image) == ["red", "green", "blue"]


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Three frames of a drifting star field: 2 columns and 1 row a frame."""
    folder = tmp_path / "lights"
    folder.mkdir()
    rng = np.random.default_rng(5)
    field = [(rng.uniform(25, 290), rng.uniform(25, 210), rng.uniform(5e4, 3e5)) for _ in range(40)]
    for number in range(3):
        stars = tuple(white(x + 2 * number, y + number, flux) for x, y, flux in field)
        one = made(Scene(height=240, width=320, stars=stars), number)
        one.write(folder / f"light_{number + 1:05d}.fit", SIRIL)
    return folder


def test_mosaics_are_subtracted_and_registered(sequence: Path) -> None:
    said = siril(sequence, "seqsubsky light_ 1", "register bkg_light_")
    assert "Total: 0 failed, 3 registered." in said
    assert (sequence / "r_bkg_light_00003.fit").exists()


def test_color_images_are_subtracted_registered_and_stacked(sequence: Path) -> None:
    said = siril(
        sequence,
        "convert c -debayer -out=../color",
        "cd ../color",
        "seqsubsky c_ 1",
        "register bkg_c_",
        "stack r_bkg_c_ sum -out=sum",
    )
    assert "Total: 0 failed, 3 registered." in said
    with fits.open(sequence.parent / "color" / "sum.fit") as hdus:
        assert hdus[0].data.shape == (3, 240, 320)
