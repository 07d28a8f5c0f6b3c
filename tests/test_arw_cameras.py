"""Camera files, if ARWATCH_FRAMES names a folder of them."""

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest

from arw_support import Read, clock, copy, hole, reader
from arwatch import formats
from arwatch.errors import DamagedError, IncompleteError
from arwatch.formats.arw import tables
from arwatch.model.frame import Exposure

pytestmark = pytest.mark.skipif(
    "ARWATCH_FRAMES" not in os.environ, reason="ARWATCH_FRAMES names no folder with camera files"
)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


CAMERAS = {
    "zv-e10_arw2_lossy.arw": ((4024, 6024), 512),
    "zv-e10_lossless_ljpeg_tiles.arw": ((4096, 6144), 512),
    "a330_arw1_lossless.arw": ((2608, 3880), 0),
    "sky_asi224mc_1069.ARW": ((976, 1304), 0),
    "sky_canon_kic8462852.ARW": ((699, 700), 0),
    "foreign/nikon_d1.nef": ((1324, 2012), 0),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_camera_files_are_read(name: str) -> None:
    frame = formats.read(Path(os.environ["ARWATCH_FRAMES"]) / name)
    assert (frame.mosaic.shape, frame.black_level) == CAMERAS[name]
    assert frame.colors.tolist() == ([[2, 3], [1, 0]] if name.endswith("nef") else [[0, 1], [3, 2]])


def test_the_exposure_of_camera_files_is_read() -> None:
    folder = Path(os.environ["ARWATCH_FRAMES"])
    assert formats.read(folder / "zv-e10_arw2_lossy.arw").exposure == Exposure(
        taken=clock(2021, 7, 24, 14, 23, 6, 583_000),
        utc_offset=-timedelta(hours=7),
        exposure_s=1 / 160,
        iso=100,
        f_number=18,
        focal_length_mm=29,
        make="SONY",
        model="ZV-E10",
        lens="E PZ 16-50mm F3.5-5.6 OSS",
    )
    assert formats.read(folder / "a330_arw1_lossless.arw").exposure.utc_offset is None


@pytest.mark.parametrize(
    "name",
    ["zv-e10_arw2_lossy.arw", "zv-e10_lossless_ljpeg_tiles.arw", "a330_arw1_lossless.arw", "sky_asi224mc_1069.ARW"],
)
@pytest.mark.parametrize("kind", ["half", "last 64 kB", "last byte", "zeros", "hole", "copy"])
def test_damaged_camera_files_are_refused(read: Read, name: str, kind: str) -> None:
    data = bytearray((Path(os.environ["ARWATCH_FRAMES"]) / name).read_bytes())
    raw = tables.raw_image(io.BytesIO(data), len(data))
    assert raw is not None
    start, middle = min(raw.pieces)[0], (min(raw.pieces)[0] + raw.end) // 2
    match kind:
        case "half" | "last 64 kB" | "last byte":
            with pytest.raises(IncompleteError):
                read(bytes(data[: {"half": middle, "last 64 kB": -65536, "last byte": -1}[kind]]))
            return
        case "zeros":
            data[middle:] = bytes(len(data) - middle)
        case "hole":
            hole(middle + 777, 4096)(data)
        case "copy":
            copy(start + 10_240, middle + (start - middle) % 16, 4096)(data)
    with pytest.raises(DamagedError):
        read(bytes(data))
