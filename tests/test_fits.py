from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from hypothesis import given
from hypothesis import strategies as st

from arwatch.errors import NoSpaceError, ReadError
from arwatch.model.figures import Figures
from arwatch.model.frame import Frame
from arwatch.output import fits as fitsfile
from arwatch.output.fits.hdu import encode_checksum
from arwatch.settings import Background, Output
from arwatch.simulate import Scene, colors_of, render
from arwatch.sky import BandModel, Subtraction, subtract_background
from fits_support import FORMS, METHOD, ORIGIN, Made, files_end_at, made, names, settings_for, subtracted, tiny, white

SMOOTH = Background(model="smooth", red_norm=1.5)
EXTENSIONS = ["MESH_R", "NOISE_R", "MESH_G", "NOISE_G", "MESH_B", "NOISE_B"]


@pytest.fixture(scope="module")
def night() -> Made:
    stars = tuple(white(20.0 + 30 * i, 30.0 + 15 * i, 200_000.0 * 4**i) for i in range(6))  # some saturate
    frame = made(Scene(height=150, width=230, stars=stars)).frame
    frame.mosaic[100:104, 10:13] = 0  # missing samples
    return subtracted(frame)


@pytest.fixture(scope="module")
def files(night: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("forms")
    paths = {}
    for form in FORMS:
        (output,) = form.values
        path = folder / f"{form.id}.fits"
        assert night.write(path, settings_for(output)) == path.stat().st_size
        paths[form.id] = path
    return paths


@pytest.fixture(params=[form.id for form in FORMS])
def path(request: pytest.FixtureRequest, files: dict[str, Path]) -> Path:
    return files[request.param]


def test_notebook_layout(night: Made, files: dict[str, Path]) -> None:
    with fits.open(files["notebook"]) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "MOSAIC", *EXTENSIONS]
        assert hdus[0].data is None
        assert hdus[0].header["PATH"] == "/night/DSC00001.ARW"
        assert len(hdus[0].header["DATE"]) == len("2021-07-24T21:23:06")
        assert hdus[1].data.dtype == ">f4"
        np.testing.assert_array_equal(hdus[1].data, night.subtraction.mosaic)
        np.testing.assert_array_equal(hdus["MESH_G"].data, night.subtraction.green.mesh)
        np.testing.assert_array_equal(hdus["NOISE_B"].data, night.subtraction.blue.rms)


def test_siril_layout(night: Made, files: dict[str, Path]) -> None:
    with fits.open(files["siril"]) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SKY"]
        header, data = hdus[0].header, hdus[0].data
        assert hdus["SKY"].columns.names == EXTENSIONS
        assert set(hdus["SKY"].columns.units) == {"adu"}
        np.testing.assert_array_equal(hdus["SKY"].data["NOISE_B"][0], night.subtraction.blue.rms)
    assert (header["DATAMIN"], header["DATAMAX"], header["PEDESTAL"]) == (0, 1, -1000)
    for y, x in np.ndindex(2, 2):
        assert np.median(data[y::2, x::2]) > 0.01
    np.testing.assert_allclose(data * 65535 - 1000, night.subtraction.mosaic, atol=0.01)


@pytest.mark.parametrize("profile", ["notebook", "siril"])
def test_compression_loses_nothing(profile: str, files: dict[str, Path]) -> None:
    with fits.open(files[profile]) as plain, fits.open(files[f"{profile}, compressed"]) as packed:
        assert [hdu.name for hdu in packed] == ["PRIMARY", "MOSAIC", *(hdu.name for hdu in plain[-len(packed) + 2 :])]
        assert isinstance(packed[1], fits.CompImageHDU)
        image = plain[1] if profile == "notebook" else plain[0]
        np.testing.assert_array_equal(packed[1].data, image.data)
        kept = {card.keyword: card.value for card in image.header.cards if card.keyword not in _STRUCTURE}
        assert kept.items() <= dict(packed[1].header).items()


_STRUCTURE = {
    "SIMPLE",
    "XTENSION",
    "EXTEND",
    "NEXTEND",
    "EXTNAME",
    "DATE",
    "RECIPE",
    "CHECKSUM",
    "DATASUM",
    "HISTORY",
}


def test_every_checksum_holds(path: Path) -> None:
    with fits.open(path, checksum=True, disable_image_compression=True) as hdus:  # a wrong one warns
        for hdu in hdus:
            assert hdu.data is None or hdu.data.size
            assert {"CHECKSUM", "DATASUM"} <= set(hdu.header)


@given(total=st.integers(0, 2**32 - 1))
def test_checksums_are_complements_in_plain_letters_and_digits(total: int) -> None:
    text = encode_checksum(total)
    assert text.isalnum()
    assert text.isascii()
    turned = (text[1:] + text[:1]).encode()
    back = sum(int.from_bytes(turned[i : i + 4], "big") - 0x30303030 for i in range(0, 16, 4))
    assert (total + back) % (2**32 - 1) == 0


def test_ccddata_gets_its_unit(files: dict[str, Path]) -> None:
    assert CCDData.read(files["notebook"], hdu=1).unit == "adu"
    assert CCDData.read(files["siril"]).unit == ""


def test_a_profile_can_be_changed_key_by_key(tmp_path: Path, night: Made) -> None:
    night.write(tmp_path / "a.fits", settings_for(Output(profile="siril", values="adu", pedestal_adu=250.5)))
    with fits.open(tmp_path / "a.fits") as hdus:
        np.testing.assert_allclose(hdus[0].data, night.subtraction.mosaic + 250.5, atol=0.01)
        assert hdus[0].header["BUNIT"] == "adu"
        assert hdus[0].header["PEDESTAL"] == -250.5
        assert "DATAMAX" not in hdus[0].header
    night.write(tmp_path / "b.fits", settings_for(Output(profile="siril", image="extension")))
    with fits.open(tmp_path / "b.fits") as hdus:
        assert hdus[0].data is None
        assert hdus[1].header["DATAMAX"] == 1


def test_the_pedestal_lifts_any_sky_above_zero(tmp_path: Path) -> None:
    plain = tiny()
    mosaic = plain.subtraction.mosaic.copy()
    mosaic[1::2, 1::2] = -2300  # the blue plane
    band = plain.subtraction.red
    low = Made(frame=plain.frame, subtraction=Subtraction(mosaic=mosaic, red=band, green=band, blue=band))
    low.write(tmp_path / "a.fits", settings_for(Output(profile="siril")))
    with fits.open(tmp_path / "a.fits") as hdus:
        assert hdus[0].header["PEDESTAL"] == -8000
        assert np.median(hdus[0].data[1::2, 1::2]) > 0


def test_saturated_samples_reach_saturate(night: Made, path: Path) -> None:
    with fits.open(path) as hdus:
        image = next(hdu for hdu in hdus if hdu.header["NAXIS"] == 2)
        burnt = night.frame.mosaic == night.frame.white_level
        assert burnt.sum() > 3
        assert (image.data[burnt] >= image.header["SATURATE"]).all()


def test_restore_gives_back_every_sample(night: Made, path: Path) -> None:
    np.testing.assert_array_equal(fitsfile.restore(path), night.frame.mosaic)


def test_restored_file_holds_the_raw_mosaic_and_its_facts(night: Made, path: Path, tmp_path: Path) -> None:
    output = tmp_path / "raw.fits"
    assert fitsfile.restore_file(path, output) == output.stat().st_size
    with fits.open(output, checksum=True) as hdus:
        assert hdus[0].data.dtype == np.uint16
        np.testing.assert_array_equal(hdus[0].data, night.frame.mosaic)
        header = hdus[0].header
    assert header["DATE-OBS"] == "2024-08-12T21:15:07.250"
    assert header["BAYERPAT"] == "RGGB"
    assert header.comments["EXPTIME"] == "Exposure time (in seconds)"
    assert not {"PEDESTAL", "SATURATE", "NORM_R", "RECIPE"} & set(header)
    assert fitsfile.provenance(output) is None


def test_open_gives_mosaic_meshes_surfaces_and_facts(night: Made, path: Path) -> None:
    back = fitsfile.open(path)
    np.testing.assert_allclose(back.mosaic, night.subtraction.mosaic, atol=0.01)
    np.testing.assert_array_equal(back.colors, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(back.blue.mesh, night.subtraction.blue.mesh)
    np.testing.assert_array_equal(back.red.rms, night.subtraction.red.rms)
    assert (back.red.norm, back.green.norm, back.blue.norm) == (1.34, 1.0, 1.25)
    assert back.facts["ISOSPEED"] == 1600
    red = (night.frame.mosaic - back.surface("red")) * np.float32(1.34)
    np.testing.assert_allclose(red[::2, ::2], back.mosaic[::2, ::2], atol=0.01)


@pytest.mark.parametrize("content", [b"", b"SIMPLE", b"x" * 10_000])
def test_what_is_no_output_cannot_be_opened(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.fits"):
        fitsfile.open(path)
    with pytest.raises(ReadError):
        fitsfile.restore_file(tmp_path / "missing.fits", tmp_path / "b.fits")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path, overwrite=True)
    with pytest.raises(ReadError):
        fitsfile.restore(path)


def test_provenance_tells_source_recipe_and_figures(path: Path, night: Made) -> None:
    found = fitsfile.provenance(path)
    assert found == fitsfile.Provenance(
        name="DSC00001.ARW",
        path=ORIGIN.source.path,
        size=ORIGIN.source.size,
        mtime_ns=ORIGIN.source.mtime_ns,
        fingerprint="c0ffee",
        recipe=ORIGIN.recipe,
        length=path.stat().st_size,
        figures=Figures.of(night.figures.known() | {"taken": "2024-08-12T21:15:07.250+00:00"}),
    )
    assert found.figures.red_level is not None


def test_no_provenance_without_every_byte(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    copy = tmp_path / "a.fits"
    for length in (0, 1, 2879, 2880, 5760, len(whole) // 2, len(whole) - 2880, len(whole) - 1):
        copy.write_bytes(whole[:length])
        assert fitsfile.provenance(copy) is None, length
        with pytest.raises(ReadError):
            fitsfile.open(copy)
    copy.write_bytes(whole + b"\0")
    assert fitsfile.provenance(copy) is None


def test_no_provenance_of_what_is_no_output(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "text").write_text("no FITS")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "foreign")
    (tmp_path / "link").symlink_to(files["notebook"])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("missing", "text", "foreign", "link", "pipe", "folder", "x" * 300):
        assert fitsfile.provenance(tmp_path / name) is None, name


@given(place=st.integers(0, 8639), byte=st.binary(min_size=1, max_size=80))
def test_provenance_of_a_damaged_header_is_none_or_plain(
    place: int, byte: bytes, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(files["notebook"].read_bytes())
    content[place : place + len(byte)] = byte
    path = tmp_path_factory.mktemp("damaged") / "a.fits"
    path.write_bytes(content)
    found = fitsfile.provenance(path)
    assert found is None or isinstance(found.name, str)


@pytest.mark.parametrize("output", FORMS)
def test_a_full_disk_leaves_the_old_output(output: Output, tmp_path: Path, night: Made) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"old")
    with pytest.raises(NoSpaceError), files_end_at(30_000):
        night.write(path, settings_for(output))
    assert names(tmp_path) == ["a.fits"]
    assert path.read_bytes() == b"old"


def test_x_trans_comes_back(tmp_path: Path) -> None:
    letters = "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"
    rng = np.random.default_rng(3)
    mosaic = rng.normal(900, 20, (120, 180)).astype(np.uint16)
    colors = np.array(["RGB".index(letter) for letter in letters], np.uint8).reshape(6, 6)
    one = subtracted(Frame(mosaic=mosaic, colors=colors, black_level=512, white_level=16383))
    one.write(tmp_path / "a.fits", settings_for(Output(profile="siril")))
    assert fits.getval(tmp_path / "a.fits", "BAYERPAT") == letters
    np.testing.assert_array_equal(fitsfile.restore(tmp_path / "a.fits"), mosaic)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2049, 2), (2, 4001)])
def test_any_shape(shape: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    band = BandModel(mesh=np.zeros((1, 1)), rms=np.ones((1, 1)))
    mosaic = rng.normal(0, 5, shape).astype(np.float32)
    one = Made(frame=tiny().frame, subtraction=Subtraction(mosaic=mosaic, red=band, green=band, blue=band))
    for number, form in enumerate(FORMS):
        output = tmp_path / f"{number}.fits"
        one.write(output, settings_for(form.values[0]))
        assert fitsfile.provenance(output)
        with fits.open(output, checksum=True) as hdus:
            image = next(hdu for hdu in hdus if hdu.header["NAXIS"] == 2)
            assert image.data.shape == shape
        np.testing.assert_allclose(fitsfile.open(output).mosaic, mosaic, atol=0.01)


def test_method_is_in_the_header(path: Path) -> None:
    facts = fitsfile.open(path).facts
    assert (facts["BKGBOX"], facts["BKGFILT"], facts["BKGESTIM"]) == (METHOD.box_size, 3, "mode")
    assert 600 < facts["SKY_R"] < 1000
    assert facts["SKYSIG_B"] > 0


def test_a_surface_of_no_band_is_refused(night: Made, tmp_path: Path) -> None:
    night.write(tmp_path / "a.fits")
    with pytest.raises(ValueError, match="red, green, blue, not 'pink'"):
        fitsfile.open(tmp_path / "a.fits").surface("pink")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def smooth() -> Made:
    scene = Scene(height=400, width=600)
    frame = Frame(
        mosaic=render(scene).mosaic, colors=colors_of("RGGB"), black_level=scene.black_level, white_level=16383
    )
    levels = {"black_level": frame.black_level, "white_level": frame.white_level}
    return Made(frame=frame, subtraction=subtract_background(frame.mosaic, frame.colors, SMOOTH, **levels))


@pytest.mark.parametrize("form", FORMS)
def test_a_smooth_surface_is_kept_and_undone(smooth: Made, form: Output, tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    smooth.write(path, settings_for(form, background=SMOOTH))
    back = fitsfile.open(path)
    np.testing.assert_array_equal(back.raw(), smooth.frame.mosaic)
    green = smooth.frame.mosaic - back.surface("green")
    np.testing.assert_allclose(green[::2, 1::2], smooth.subtraction.mosaic[::2, 1::2], rtol=0, atol=0.05)


def test_the_header_names_the_model_and_how_sure_it_is(smooth: Made, tmp_path: Path) -> None:
    path, quality = tmp_path / "a.fits", smooth.subtraction.quality
    assert quality is not None
    smooth.write(path, settings_for(Output(), background=SMOOTH))
    facts = fitsfile.open(path).facts
    assert (facts["BKGMODEL"], facts["BKGBOX"], facts["BKGSCALE"]) == ("smooth", smooth.subtraction.box_size, 0.17)
    assert facts["BKGSURE"] is quality.sure
    assert facts["BKGUSED"] == pytest.approx(100 * quality.used, abs=0.1)
    assert "BKGFILT" not in facts
    found = fitsfile.provenance(path)
    assert found is not None
    assert found.figures == Figures.of(smooth.figures.known())


def test_a_default_header_has_no_cards_of_other_models(path: Path) -> None:
    assert not {"BKGMODEL", "BKGSURE", "BKGUSED", "BKGSCALE", "BKGDOUBT"} & fitsfile.open(path).facts.keys()


def test_the_header_says_that_the_mesh_took_the_place_of_a_smooth_surface(tmp_path: Path) -> None:
    one = tiny()
    method = Background(model="smooth", box_size=4, filter_size=1)
    levels = {"black_level": 512, "white_level": 16383}
    left = subtract_background(one.frame.mosaic, one.frame.colors, method, **levels)
    Made(frame=one.frame, subtraction=left).write(tmp_path / "a.fits", settings_for(Output(), background=method))
    back = fitsfile.open(tmp_path / "a.fits")
    assert (back.model, back.facts["BKGMODEL"], back.facts["BKGBOX"]) == ("mesh", "mesh", 4)
    assert back.facts["BKGSURE"] is False
    assert "too few boxes" in str(back.facts["BKGDOUBT"])
    np.testing.assert_array_equal(back.raw(), one.frame.mosaic)
