"""Reading raw files: sound ones exactly, broken ones never."""

import contextlib
import io
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import storage
from arwatch import formats
from arwatch.errors import DamagedError, Fate, FrameError, IncompleteError, NotRawError, ReadError, UnsupportedError
from arwatch.formats.arw import decode, tables
from arwatch.model.frame import Exposure, Frame
from arwatch.simulate import Scene, Star, render
from arwatch.simulate.arw_file import DATA_OFFSET, assemble, exif_tags, picture_tags, strip_tags, tiff_header

Read = Callable[[bytes], Frame]

SCENE = Scene(height=256, width=384, stars=10)
SKY = render(SCENE).mosaic
FORMS = {name: encode(SKY, SCENE.exposure) for name, encode in storage.FORMS.items()}


def clock(*numbers: int) -> datetime:
    return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001  a camera's clock knows no zone


FRAMES = pytest.mark.skipif(
    "ARWATCH_FRAMES" not in os.environ, reason="ARWATCH_FRAMES names no folder with camera files"
)


@pytest.fixture
def read() -> Read:
    return formats.decode


@pytest.mark.parametrize("form", FORMS)
def test_every_storage_form_is_read(read: Read, form: str) -> None:
    frame = read(FORMS[form])
    error = np.abs(frame.mosaic.astype(int) - SKY)
    assert np.quantile(error, 0.99) <= (16 if form == "lossy" else 0)  # more only in the blocks of bright stars
    assert frame.mosaic.dtype == np.uint16
    assert frame.mosaic.flags.owndata
    assert frame.colors.tolist() == [[0, 1], [3, 2]]
    assert frame.black_level == 512
    assert frame.exposure == SCENE.exposure


def test_lossy_storage_keeps_the_tone_curve_s_levels(read: Read) -> None:
    flat = np.random.default_rng(0).integers(600, 700, (64, 96)).astype(np.uint16)
    np.testing.assert_array_equal(read(storage.lossy(flat)).mosaic, storage.lossy_decoded(flat))


def test_a_pattern_of_six_by_six_is_a_period_too(read: Read) -> None:
    rng = np.random.default_rng(0)
    mosaic = rng.normal(800, 20, (96, 96)).astype(np.uint16)
    filters = [
        1,
        1,
        0,
        1,
        1,
        2,
        1,
        1,
        2,
        1,
        1,
        0,
        2,
        0,
        1,
        0,
        2,
        1,
        1,
        1,
        2,
        1,
        1,
        0,
        1,
        1,
        0,
        1,
        1,
        2,
        0,
        2,
        1,
        2,
        0,
        1,
    ]
    tags = picture_tags(mosaic.shape, "RGGB", 512) | strip_tags(96, mosaic.nbytes)
    data = assemble(tags | {33421: ("H", (6, 6)), 33422: ("B", tuple(filters))}, None, mosaic.tobytes())
    frame = read(data)
    assert frame.colors.ravel().tolist() == filters
    np.testing.assert_array_equal(frame.mosaic, mosaic)


@pytest.mark.parametrize(
    "name",
    [b"spaces and 'quotes'.ARW", b"line\nbreak.ARW", b"\xff\xfe\x80.arw", b"\xe2\x98\x85.ARW", b"x" * 251 + b".ARW"],
)
def test_any_name_is_read(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(FORMS["uncompressed"])
    np.testing.assert_array_equal(formats.read(path).mosaic, SKY)


def hole(start: int, length: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[start : start + length] = bytes(length)

    return damage


def copy(source: int, target: int, length: int) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[target : target + length] = data[source : source + length]

    return damage


def second_half_zeros(data: bytearray) -> None:
    middle = (DATA_OFFSET + len(data)) // 2
    data[middle:] = bytes(len(data) - middle)


def all_zeros(data: bytearray) -> None:
    data[DATA_OFFSET:] = bytes(len(data) - DATA_OFFSET)


def noise(data: bytearray) -> None:
    data[20_000:84_000] = np.random.default_rng(1).bytes(64_000)


DAMAGE: dict[str, Callable[[bytearray], None]] = {
    "second half zeros": second_half_zeros,
    "preallocated": all_zeros,
    "4 kB of zeros on a block": hole(8192, 4096),
    "4 kB of zeros anywhere": hole(9999, 4096),
    "4 kB of zeros at the start": hole(DATA_OFFSET, 4096),
    "block repeated": copy(8192, 12288, 4096),
    "block repeated far away": copy(8192, 40960, 4096),
    "piece repeated anywhere": copy(DATA_OFFSET + 1600, DATA_OFFSET + 16000, 4800),
    "noise": noise,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(read: Read, form: str, kind: str) -> None:
    data = bytearray(FORMS[form])
    DAMAGE[kind](data)
    with pytest.raises(DamagedError, match="copy the file again"):
        read(bytes(data))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rest", [0, 1, 100, DATA_OFFSET, 30_000, -65_536 // 8, -1])
def test_a_beginning_is_incomplete(read: Read, form: str, rest: int) -> None:
    with pytest.raises(IncompleteError, match="copy it again"):
        read(FORMS[form][:rest])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), form=st.sampled_from(sorted(FORMS)))
def test_a_hole_of_4_kb_is_found_wherever_it_is(read: Read, data: st.DataObject, form: str) -> None:
    whole = bytearray(FORMS[form])
    hole(data.draw(st.integers(DATA_OFFSET, len(whole) - 4096)), 4096)(whole)
    with pytest.raises(DamagedError):
        read(bytes(whole))


@pytest.mark.parametrize("noise_adu", [1.0, 2.0, 4.0])
def test_a_repeated_block_is_found_at_any_level_of_a_dark_frame(read: Read, noise_adu: float) -> None:
    rng = np.random.default_rng(1)
    for level in range(500, 1100, 25):
        dark = np.rint(rng.normal(level, noise_adu, (400, 600))).astype(np.uint16)
        whole = bytearray(storage.uncompressed(dark))
        read(bytes(whole))
        copy(40_960, 200_704, 4096)(whole)
        with pytest.raises(DamagedError, match="copy of another part"):
            read(bytes(whole))


def test_rows_of_zeros_and_repeated_rows_of_small_frames_are_found(read: Read) -> None:
    small = render(Scene(height=64, width=96, stars=3)).mosaic
    for target, source in ((63, 62), (63, 61), (20, 19)):
        repeated = small.copy()
        repeated[target] = small[source]
        with pytest.raises(DamagedError, match=f"row {target} of the picture repeats row {source}"):
            read(storage.uncompressed(repeated))
    empty = small.copy()
    empty[40:] = 0
    with pytest.raises(DamagedError, match="never written"):
        read(storage.uncompressed(empty))
    empty[45:] = small[45:]
    with pytest.raises(DamagedError, match="row 40 of the picture holds no data"):
        read(storage.uncompressed(empty))


def test_a_hole_is_found_among_many_zeros(read: Read) -> None:
    for begins in range(0, 1024, 96):
        data = bytearray(storage.uncompressed(dark(0.7, black_level=0)))
        hole(60_000 + begins, 4096)(data)
        with pytest.raises(DamagedError, match="never written"):
            read(bytes(data))


def dark(read_noise: float, black_level: int = 512) -> np.ndarray:
    scene = Scene(height=256, width=384, sky=(0, 0, 0), stars=0, read_noise=read_noise, black_level=black_level)
    return render(scene).mosaic


def clipped() -> np.ndarray:
    return render(Scene(height=256, width=384, gradient=(1.9, 0), sky=(9e3, 2e4, 1.2e4))).mosaic


def moon() -> np.ndarray:
    star = Star(x=190, y=120, flux=(9e9, 9e9, 9e9), fwhm=60)
    return render(Scene(height=256, width=384, stars=(star,))).mosaic


SOUND: dict[str, Callable[[], np.ndarray]] = {
    "constant": lambda: np.full((256, 384), 512, np.uint16),
    "constant of two greens": lambda: np.tile(np.array([[600, 602], [604, 606]], np.uint16), (128, 192)),
    "saturated": lambda: np.full((256, 384), 16383, np.uint16),
    "dark with tiny noise": lambda: dark(0.1),
    "dark with little noise": lambda: dark(0.4),
    "dark": lambda: dark(3),
    "dark clipped at 0": lambda: dark(0.5, black_level=0),
    "clipped highlights": clipped,
    "the moon": moon,
    "a few hot pixels": lambda: np.where(np.random.default_rng(3).random((256, 384)) < 1e-3, 9000, 512).astype(
        np.uint16
    ),
    "few stars on a flat sky": lambda: render(replace(SCENE, gradient=(0, 0), vignetting=0)).mosaic,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", SOUND)
def test_sound_frames_are_never_refused(read: Read, form: str, kind: str) -> None:
    mosaic = SOUND[kind]()
    if kind == "dark clipped at 0" and form == "lossy":
        pytest.skip("cameras with lossy storage have a black level of 512")
    frame = read(storage.FORMS[form](mosaic))
    if form != "lossy":
        np.testing.assert_array_equal(frame.mosaic, mosaic)


def changed(**tags: tuple[str, tuple[int, ...] | bytes]) -> bytes:
    """Give the sound uncompressed frame with other tags."""
    own = picture_tags(SKY.shape, "RGGB", 512) | strip_tags(256, SKY.nbytes)
    return assemble(own | {int(tag[1:]): value for tag, value in tags.items()}, None, SKY.tobytes())


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n" + bytes(90), NotRawError, "fetch the real file"),
        (changed(_262=("H", (2,))), NotRawError, "without a camera's raw picture"),
        (changed(_259=("H", (32766,))), UnsupportedError, "ARW 6.*uncompressed"),
        (changed(_262=("H", (6,)), _259=("H", (6,)), _277=("H", (3,))), UnsupportedError, "size L"),
        (changed(_262=("H", (34892,))), UnsupportedError, "no colour mosaic"),
        (changed(_259=("H", (4711,))), UnsupportedError, "newer version of rawpy"),
        (changed(_256=("I", (60_000,)), _257=("I", (60_000,))), DamagedError, "60000 x 60000"),
        (changed(_256=("I", (2**32 - 1,))), DamagedError, "header"),
        (changed(_259=("H", (7,)), _258=("H", (14,))), DamagedError, "copy the file again"),
    ],
)  # fmt: skip
def test_the_reason_says_what_to_do(read: Read, data: bytes, error: type[FrameError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        read(data)
    assert caught.type is error


def test_a_missing_file_is_the_caller_s(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        formats.read(tmp_path / "gone.ARW")


def test_what_the_file_system_refuses_is_retriable(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="could not be read") as caught:
        formats.read(tmp_path)
    assert caught.value.code.fate is Fate.MAY_PASS


def exif_file(exif: dict[int, tuple[str, tuple[int, ...] | bytes]]) -> bytes:
    picture = picture_tags(SKY.shape, "RGGB", 512) | strip_tags(256, SKY.nbytes)
    return tiff_header(picture, exif).ljust(DATA_OFFSET, b"\0") + SKY.tobytes()


@pytest.mark.parametrize(
    ("tag", "value", "field", "expected"),
    [
        (36867, ("s", b"2024:02:29 23:59:59\0"), "taken", clock(2024, 2, 29, 23, 59, 59, 250_000)),
        (36867, ("s", b"    :  :     :  :  \0"), "taken", None),
        (36867, ("s", b"2023:02:29 23:59:59\0"), "taken", None),
        (36867, ("I", (7,)), "taken", None),
        (37521, ("s", b"5\0"), "taken", clock(2024, 8, 12, 23, 15, 7, 500_000)),
        (37521, ("s", b"  \0"), "taken", clock(2024, 8, 12, 23, 15, 7)),
        (36881, ("s", b"-09:30\0"), "utc_offset", -timedelta(hours=9, minutes=30)),
        (36881, ("s", b"   :  \0"), "utc_offset", None),
        (33434, ("r", (1, 0)), "exposure_s", None),
        (33434, ("r", (0, 1)), "exposure_s", None),
        (33434, ("r", (10, 4000)), "exposure_s", 0.0025),
        (34855, ("H", (0,)), "iso", 1600),
        (34855, ("s", b"many\0"), "iso", 1600),
        (34855, ("H", (65535,)), "iso", 1600),
        (33437, ("r", (0, 0)), "f_number", None),
        (37386, ("r", (0, 10)), "focal_length_mm", None),
        (42036, ("s", b"----\0"), "lens", None),
        (42036, ("s", b"  E\x01 50mm \0junk\0"), "lens", "E 50mm"),
    ],
)  # fmt: skip
def test_each_fact_stands_alone(
    read: Read,
    tag: int,
    value: tuple[str, tuple[int, ...] | bytes],
    field: str,
    expected: object,
) -> None:
    facts = read(exif_file(exif_tags(SCENE.exposure) | {tag: value})).exposure
    assert facts == replace(SCENE.exposure, **{field: expected})  # type: ignore[arg-type]


def test_no_exif_is_no_failure(read: Read) -> None:
    assert read(exif_file({})).exposure == Exposure(make="SONY", model="ILCE-7M3")


@pytest.mark.parametrize(
    ("plain", "expected"), [((50, 31), 31.0), ((50, 246), -10.0), ((0, 31), None), ((120, 31), None)]
)
def test_the_camera_s_temperature(read: Read, plain: tuple[int, int], expected: float | None) -> None:
    at = 2048
    note = struct.pack("<HHHII", 1, 0x9403, 7, 6, at)
    data = bytearray(exif_file({37500: ("B", tuple(note))}))
    # each byte is enciphered by its third power modulo 249
    data[at : at + 6] = bytes(4) + bytes(byte**3 % 249 if byte < 249 else byte for byte in plain)
    data = data.replace(struct.pack("<HHI", 37500, 1, len(note)), struct.pack("<HHI", 37500, 7, len(note)))
    assert read(bytes(data)).exposure.camera_temperature_c == expected


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=20))
def test_no_exif_raises_warns_or_logs(changes: list[tuple[int, int]]) -> None:
    data = bytearray(FORMS["uncompressed"][:DATA_OFFSET])
    for at, value in changes:
        data[at] = value
    assert isinstance(decode._exposure(io.BytesIO(data)), Exposure)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_a_broken_header_escapes_as_no_other_error(read: Read, form: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(FORMS[form])
    for at, value in changes:
        data[at] = value
    with contextlib.suppress(FrameError):
        assert read(bytes(data)).mosaic.ndim == 2


CAMERAS = {
    "zv-e10_arw2_lossy.arw": ((4024, 6024), 512),
    "zv-e10_lossless_ljpeg_tiles.arw": ((4096, 6144), 512),
    "a330_arw1_lossless.arw": ((2608, 3880), 0),
    "sky_asi224mc_1069.ARW": ((976, 1304), 0),
    "sky_canon_kic8462852.ARW": ((699, 700), 0),
    "foreign/nikon_d1.nef": ((1324, 2012), 0),
}


@FRAMES
@pytest.mark.parametrize("name", CAMERAS)
def test_camera_files_are_read(name: str) -> None:
    frame = formats.read(Path(os.environ["ARWATCH_FRAMES"]) / name)
    assert (frame.mosaic.shape, frame.black_level) == CAMERAS[name]
    assert frame.colors.tolist() == ([[2, 3], [1, 0]] if name.endswith("nef") else [[0, 1], [3, 2]])


@FRAMES
def test_camera_facts_are_read() -> None:
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


@FRAMES
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
