from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_type_hints

import pytest
from astropy.io import fits
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from arwatch import formats
from arwatch.model.figures import MEANINGS, Figures
from arwatch.model.frame import Exposure
from arwatch.model.job import Source
from arwatch.model.times import start_of
from arwatch.output import fits as fitsfile
from arwatch.output.fits.cards import quoted, readable, unquoted
from arwatch.settings import Camera, Output
from fits_support import ORIGIN, exposures, settings_for, tiny

FRAMES = os.environ.get("ARWATCH_FRAMES")

TAKEN = datetime(2021, 7, 24, 14, 23, 6, 583_000)  # noqa: DTZ001 - a camera's clock knows no zone
ZV_E10 = Exposure(
    taken=TAKEN,
    utc_offset=timedelta(hours=-7),
    exposure_s=1 / 160,
    iso=100,
    f_number=18.0,
    focal_length_mm=29.0,
    make="SONY",
    model="ZV-E10",
    lens="E PZ 16-50mm F3.5-5.6 OSS",
    camera_temperature_c=31.0,
)


def headers(
    folder: Path, exposure: Exposure, origin: fitsfile.Origin = ORIGIN, **sections: object
) -> list[fits.Header]:
    """Primary and image header of a file that holds its checksums."""
    path = folder / "a.fits"
    tiny(exposure).write(path, settings_for(Output(), **sections), origin)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return [hdu.header.copy() for hdu in hdus[:2]]


def test_both_headers_say_what_exif_knows(tmp_path: Path) -> None:
    for header in headers(tmp_path, ZV_E10):
        expected = {
            "DATE-OBS": "2021-07-24T21:23:06.583",
            "DATE-END": "2021-07-24T21:23:06.589",
            "TIMESYS": "UTC",
            "EXPTIME": 0.00625,
            "ISOSPEED": 100,
            "FOCALLEN": 29.0,
            "FOCRATIO": 18.0,
            "APTDIA": 1.6111,
            "INSTRUME": "SONY ZV-E10",
            "LENS": "E PZ 16-50mm F3.5-5.6 OSS",
            "TELESCOP": "E PZ 16-50mm F3.5-5.6 OSS",
            "CCD-TEMP": 31.0,
            "IMAGETYP": "LIGHT",
            "SRCNAME": "DSC00001.ARW",
            "SRCSIZE": 25_221_888,
            "SRCMTIME": 1_627_136_586_583_000_001,
            "SRCDATE": "2021-07-24T14:23:06.583",
        }
        assert {key: header[key] for key in expected} == expected
        assert header.comments["EXPTIME"] == "Exposure time (in seconds)"
        assert header["MJD-OBS"] == pytest.approx(59419.8910484, abs=1e-7)
        assert header["SWCREATE"].startswith("arwatch")
        assert "GAIN" not in header


def test_the_image_header_says_what_was_done(tmp_path: Path) -> None:
    _, header = headers(tmp_path, ZV_E10, background={"box_size": 35, "filter_size": 9, "red_norm": 1.6})
    expected = {
        "BUNIT": "adu",
        "BAYERPAT": "RGGB",
        "XBAYROFF": 0,
        "YBAYROFF": 0,
        "ROWORDER": "TOP-DOWN",
        "BLKLEVEL": 512,
        "WHTLEVEL": 16383,
        "SATURATE": 15783.0,
        "PEDESTAL": 0,
        "BKGBOX": 35,
        "BKGFILT": 9,
        "BKGSIGMA": 5.0,
        "BKGITER": 5,
        "BKGKERN": 1.0,
        "BKGFILL": True,
        "NORM_R": 1.6,
        "NORM_G": 1.0,
        "NORM_B": 1.25,
        "SKY_G": 600.0,
        "SKYSIG_B": 7.0,
    }
    assert {key: header[key] for key in expected} == expected
    assert "in boxes of 35 x 35 pixels" in str(header["HISTORY"])


def test_every_figure_with_a_card_comes_back_from_the_header(tmp_path: Path) -> None:
    """A lost ledger is rebuilt from the headers; a figure that EXIF gives, too, has one card all the same."""
    kinds, examples = get_type_hints(Figures), {float: 1.5, int: 3, str: "a word"}
    figures = Figures(
        **{
            name: next(value for kind, value in examples.items() if kind in kinds[name].__args__)
            for name, meaning in MEANINGS.items()
            if meaning.card
        }
    )
    made = tiny(Exposure(exposure_s=figures.exposure_s, iso=figures.iso))
    figures = replace(figures, black_level=made.frame.black_level)
    path, left = tmp_path / "a.fits", made.subtraction
    fitsfile.write(path, made.frame, left, left.mosaic, origin=ORIGIN, figures=figures, settings=settings_for(Output()))
    found = fitsfile.provenance(path)
    assert found is not None
    assert found.figures == figures
    with fits.open(path) as hdus:
        for hdu in hdus:
            keywords = [keyword for keyword in hdu.header if keyword != "HISTORY"]
            assert len(set(keywords)) == len(keywords)


def test_what_exif_says_wrongly_does_not_come_in_as_a_figure(tmp_path: Path) -> None:
    for header in headers(tmp_path, Exposure(exposure_s=-1.0)):
        assert "EXPTIME" not in header


def test_settings_add_what_no_camera_knows(tmp_path: Path) -> None:
    header, _ = headers(
        tmp_path,
        ZV_E10,
        observer={"name": "Jürgen Å. O'Neill"},
        telescope={"name": "RC 8", "focal_length_mm": 1600.0, "aperture_mm": 200.0, "pixel_size_um": 3.76},
        site={"name": "Teide", "latitude_deg": 28.3, "longitude_deg": -16.51, "elevation_m": 2390.0},
        object={"name": "M 31", "image_type": "FLAT"},
    )
    expected = {
        "OBSERVER": "Jurgen A. O'Neill",
        "TELESCOP": "RC 8",
        "LENS": "E PZ 16-50mm F3.5-5.6 OSS",
        "FOCALLEN": 1600.0,
        "APTDIA": 200.0,
        "FOCRATIO": 8.0,
        "XPIXSZ": 3.76,
        "YPIXSZ": 3.76,
        "SITENAME": "Teide",
        "SITELAT": 28.3,
        "SITELONG": -16.51,
        "SITEELEV": 2390.0,
        "OBJECT": "M 31",
        "IMAGETYP": "FLAT",
    }
    assert {key: header[key] for key in expected} == expected


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("taken", "offset", "zone", "expected"),
    [
        (TAKEN, -7 * HOURS, "", "2021-07-24T21:23:06.583"),
        (TAKEN, -7 * HOURS, "Europe/Berlin", "2021-07-24T21:23:06.583"),
        (TAKEN, 5.75 * HOURS, "", "2021-07-24T08:38:06.583"),
        (TAKEN, None, "Europe/Berlin", "2021-07-24T12:23:06.583"),
        (TAKEN.replace(month=1), None, "Europe/Berlin", "2021-01-24T13:23:06.583"),
        (TAKEN, None, "+02:00", "2021-07-24T12:23:06.583"),
        (TAKEN, None, "-03:30", "2021-07-24T17:53:06.583"),
        (TAKEN, 0 * HOURS, "+02:00", "2021-07-24T14:23:06.583"),
        (TAKEN, 99 * HOURS, "+02:00", "2021-07-24T12:23:06.583"),
        (TAKEN.replace(year=1), 12 * HOURS, "", "0001-07-24T02:23:06.583"),
    ],
)
def test_dates_are_utc(tmp_path: Path, taken: datetime, offset: timedelta | None, zone: str, expected: str) -> None:
    header, _ = headers(tmp_path, Exposure(taken=taken, utc_offset=offset), camera={"timezone": zone})
    assert (header["DATE-OBS"], header["TIMESYS"]) == (expected, "UTC")


@pytest.mark.parametrize(
    ("offset", "zone", "known_from", "shows"),
    [
        (-7 * HOURS, "Europe/Berlin", "EXIF", "UTC-07:00"),
        (0 * HOURS, "", "EXIF", "UTC"),
        (None, "Europe/Berlin", "settings", "UTC+02:00"),
        (None, "-03:30", "settings", "UTC-03:30"),
        (None, "", "unknown", None),
    ],
)
def test_the_header_says_how_the_time_was_found(
    tmp_path: Path, offset: timedelta | None, zone: str, known_from: str, shows: str | None
) -> None:
    for header in headers(tmp_path, Exposure(taken=TAKEN, utc_offset=offset), camera={"timezone": zone}):
        assert (header["CLKFROM"], header.get("CLKZONE")) == (known_from, shows)


def test_without_a_zone_the_scale_is_local(tmp_path: Path) -> None:
    header, _ = headers(tmp_path, Exposure(taken=TAKEN, exposure_s=30.0))
    assert header["DATE-OBS"] == "2021-07-24T14:23:06.583"
    assert header["DATE-END"] == "2021-07-24T14:23:36.583"
    assert "time zone unknown" in header.comments["DATE-OBS"]
    assert header["TIMESYS"] == "LOCAL"
    made = fitsfile.provenance(tmp_path / "a.fits")
    assert made is not None
    assert made.figures.taken == "2021-07-24T14:23:06.583"


@pytest.mark.parametrize(("offset", "scale"), [(None, "local"), (2 * HOURS, "utc")])
def test_astropy_reads_the_dates_in_their_scale(tmp_path: Path, offset: timedelta | None, scale: str) -> None:
    header, _ = headers(tmp_path, Exposure(taken=TAKEN, utc_offset=offset, exposure_s=30.0))
    named = header["TIMESYS"].lower()
    begin, end = (Time(header[key], format="fits", scale=named) for key in ("DATE-OBS", "DATE-END"))
    assert begin.scale == scale
    assert (end - begin).sec == pytest.approx(30.0, abs=1e-6)
    assert begin.mjd == pytest.approx(header["MJD-OBS"], abs=1e-9)


def test_an_unknown_exposure_has_no_end(tmp_path: Path) -> None:
    header, _ = headers(tmp_path, Exposure(taken=TAKEN))
    assert "DATE-OBS" in header
    assert not {"DATE-END", "MJD-END"} & set(header)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        # Berlin's clocks jump from 02:00 to 03:00 on 2024-03-31, and from 03:00 to 02:00 on 2024-10-27
        ("2024-03-31T01:30", "2024-03-31T00:30"),
        ("2024-03-31T02:30", "2024-03-31T01:30"),
        ("2024-03-31T05:00", "2024-03-31T04:00"),
        ("2024-03-31T21:00", "2024-03-31T19:00"),
        ("2024-10-27T01:30", "2024-10-26T23:30"),
        ("2024-10-27T02:30", "2024-10-27T00:30"),
        ("2024-10-27T05:00", "2024-10-27T03:00"),
        ("2024-10-27T21:00", "2024-10-27T20:00"),
    ],
)
def test_a_cameras_clock_does_not_switch_at_night(taken: str, expected: str) -> None:
    start = start_of(Exposure(taken=datetime.fromisoformat(taken)), Camera(timezone="Europe/Berlin"))
    assert start == datetime.fromisoformat(f"{expected}+00:00")


@given(
    night=st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - a camera's clock knows no zone
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "+05:45"]),
    pauses=st.tuples(st.floats(0, 24), st.floats(0, 24)),
)
def test_a_night_keeps_its_intervals(night: datetime, zone: str, pauses: tuple[float, float]) -> None:
    noon = night.replace(hour=12, minute=0, second=0, microsecond=0)
    times = [noon + timedelta(hours=min(hours, 23.999)) for hours in pauses]
    first, second = (start_of(Exposure(taken=time), Camera(timezone=zone)) for time in times)
    assert first is not None
    assert second is not None
    assert second - first == times[1] - times[0]


@pytest.mark.parametrize("zone", ["", "Europe/Berlin", "UTC", "+02:00", "-09:30", "+14:00"])
def test_zones(zone: str) -> None:
    assert Camera(timezone=zone).timezone == zone


@pytest.mark.parametrize("zone", ["Berlin", "+2", "+02:60", "02:00", "+16:00", "../etc/passwd", "Europe", "\0"])
def test_wrong_zones_are_explained(zone: str) -> None:
    with pytest.raises(ValidationError, match="must be a zone such as"):
        Camera(timezone=zone)


@settings(deadline=None, max_examples=50)
@given(exposure=exposures, zone=st.sampled_from(["", "Europe/Berlin", "-09:30"]))
def test_exif_costs_cards_and_never_the_frame(exposure: Exposure, zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for header in headers(Path(folder), exposure, camera={"timezone": zone}):
            assert header["SRCNAME"] == "DSC00001.ARW"


names = st.binary(min_size=1, max_size=255).filter(lambda name: not set(name) & set(b"\0/"))


@settings(deadline=None, max_examples=50)
@given(name=names, folder=names, mtime_ns=st.integers(-(2**62), 2**62))
def test_any_source_name_comes_back(name: bytes, folder: bytes, mtime_ns: int) -> None:
    path = Path(os.fsdecode(b"/" + folder + b"/x" + name[:254]))
    origin = replace(ORIGIN, source=Source(path, 1, mtime_ns), fingerprint="f", sha256="0" * 64)
    with tempfile.TemporaryDirectory() as place:
        header, _ = headers(Path(place), Exposure(), origin)
        assert unquoted(header["PATH"]) == str(path)
        found = fitsfile.provenance(Path(place) / "a.fits")
        assert found is not None
        assert (found.name, found.mtime_ns) == (path.name, mtime_ns)


@given(name=names)
def test_quoted_names_are_printable_and_come_back(name: bytes) -> None:
    text = quoted(os.fsdecode(name))
    assert all(" " <= letter <= "~" for letter in text)
    assert text == text.rstrip()
    assert os.fsencode(unquoted(text)) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DSC00001.ARW", "DSC00001.ARW"),
        ("M 31 (1).ARW", "M 31 (1).ARW"),
        ("50%.ARW", "50%25.ARW"),
        ("a\n\x1b[31m'&", "a%0A%1B[31m%27%26"),
        ("Nébuleuse", "N%C3%A9buleuse"),
        ("end  ", "end%20%20"),
        (os.fsdecode(b"\xff"), "%FF"),
    ],
)
def test_quoted(name: str, expected: str) -> None:
    assert quoted(name) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("SONY", "ILCE-7M3"), "SONY ILCE-7M3"),
        ((None, "ILCE-7M3"), "ILCE-7M3"),
        ((None, None), None),
        (("  \0\0",), None),
        (("Müller",), "Muller"),
        (("北京",), "??"),
        (("a\nb\x1b",), "a?b?"),
        (("x" * 100,), "x" * 67),
    ],
)
def test_readable(parts: tuple[str | None, ...], expected: str | None) -> None:
    assert readable(*parts) == expected


@pytest.mark.skipif(not FRAMES, reason="ARWATCH_FRAMES is not set")
@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("zv-e10_arw2_lossy.arw", "", "2021-07-24T21:23:06.583"),
        ("zv-e10_arw2_lossy.arw", "Europe/Berlin", "2021-07-24T21:23:06.583"),
        ("zv-e10_lossless_ljpeg_tiles.arw", "", "2021-07-24T21:23:06.583"),
        ("a330_arw1_lossless.arw", "+00:00", 0),
        ("a330_arw1_lossless.arw", "+02:00", 2),
        ("a330_arw1_lossless.arw", "-09:30", -9.5),
    ],
)
def test_times_of_real_frames(tmp_path: Path, name: str, zone: str, expected: str | float) -> None:
    exposure = formats.read(Path(FRAMES or "", name)).exposure
    header, _ = headers(tmp_path, exposure, camera={"timezone": zone})
    if not isinstance(expected, str):
        assert exposure.taken is not None
        assert exposure.utc_offset is None
        expected = (exposure.taken - timedelta(hours=expected)).isoformat(timespec="milliseconds")
    assert header["DATE-OBS"] == expected
