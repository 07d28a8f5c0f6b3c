"""Every form of output against the FITS standard, by the program of NASA's HEASARC."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arwatch import formats
from arwatch.model.frame import Exposure
from arwatch.model.job import Source
from arwatch.output import fits
from arwatch.settings import Output
from arwatch.simulate import Scene
from fits_support import FORMS, ORIGIN, PATTERNS, exposures, made, settings_for, subtracted, tiny, verify

FRAMES = os.environ.get("ARWATCH_FRAMES")
NAMES = (
    "zv-e10_arw2_lossy.arw",
    "zv-e10_lossless_ljpeg_tiles.arw",
    "a330_arw1_lossless.arw",
    "sky_asi224mc_1069.ARW",
    "sky_asi224mc_1114.ARW",
    "sky_canon_kic8462852.ARW",
)
EQUIPMENT = {
    "camera": {"timezone": "Europe/Berlin"},
    "observer": {"name": "Jürgen O'Neill & Søn"},
    "telescope": {"name": "RC 8", "focal_length_mm": 1600.0, "aperture_mm": 200.0, "pixel_size_um": 3.76},
    "site": {"name": "Teide", "latitude_deg": 28.3, "longitude_deg": -16.51, "elevation_m": 2390.0},
    "object": {"name": "M 31"},
}


@pytest.mark.parametrize("output", FORMS)
@pytest.mark.parametrize("sections", [{}, EQUIPMENT], ids=["bare", "equipped"])
def test_every_form_is_valid(output: Output, sections: dict[str, object], tmp_path: Path) -> None:
    one = made(Scene(height=150, width=231, stars=20))
    path, raw = tmp_path / "a.fits", tmp_path / "raw.fits"
    one.write(path, settings_for(output, **sections), replace(ORIGIN, sha256="0" * 64))
    fits.restore_file(path, raw)
    verify(path, raw)


@pytest.mark.parametrize("output", FORMS)
def test_any_exif_and_any_name_is_valid(output: Output, tmp_path: Path) -> None:
    written: list[Path] = []

    @settings(max_examples=25, deadline=None, database=None)
    @given(exposure=exposures, name=st.binary(min_size=1, max_size=255), mtime_ns=st.integers(-(2**62), 2**62))
    def write(exposure: Exposure, name: bytes, mtime_ns: int) -> None:
        path = tmp_path / f"{len(written)}.fits"
        source = Path("/x") / os.fsdecode(b"x" + name.translate(None, b"\0/"))
        tiny(exposure).write(path, settings_for(output), replace(ORIGIN, source=Source(source, 1, mtime_ns)))
        written.append(path)

    write()
    verify(*written)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_odd_shapes_are_valid(pattern: str, tmp_path: Path) -> None:
    one = made(Scene(height=151, width=231, stars=0, pattern=pattern))
    one.write(tmp_path / "a.fits", settings_for(Output(profile="siril")))
    verify(tmp_path / "a.fits")


@pytest.mark.skipif(not FRAMES, reason="ARWATCH_FRAMES is not set")
@pytest.mark.parametrize("name", NAMES)
def test_real_frames_are_valid(name: str, tmp_path: Path) -> None:
    frame = formats.read(Path(FRAMES or "", name))
    corner = replace(frame, mosaic=np.ascontiguousarray(frame.mosaic[:300, :400]))  # headers are the same
    one = subtracted(corner)
    paths = []
    for number, form in enumerate(FORMS):
        paths.append(tmp_path / f"{number}.fits")
        one.write(paths[-1], settings_for(form.values[0]))
    verify(*paths)
