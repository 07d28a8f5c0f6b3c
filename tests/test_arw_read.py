"""Reading raw files: sound ones exactly, broken ones never."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import storage
from arw_support import FORMS, SCENE, SKY, Read, copy, hole, reader
from arwatch import formats
from arwatch.errors import DamagedError, Fate, FrameError, IncompleteError, NotRawError, ReadError, UnsupportedError
from arwatch.simulate import Scene, Star, render
from arwatch.simulate.arw_file import DATA_OFFSET, assemble, picture_tags, strip_tags


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


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
    filters = [int(letter) for letter in "110112 112110 201021 112110 110112 021201" if letter != " "]
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


def test_the_copy_in_memory_is_the_file_from_its_first_byte_on(tmp_path: Path) -> None:
    """The digest by which frames are told apart is that of what `read` gives."""
    path = tmp_path / "a.ARW"
    path.write_bytes(FORMS["uncompressed"])
    with formats.load(path) as file:
        assert file.read() == path.read_bytes()


def test_a_missing_file_is_the_caller_s(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        formats.read(tmp_path / "gone.ARW")


def test_what_the_file_system_refuses_is_retriable(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="could not be read") as caught:
        formats.read(tmp_path)
    assert caught.value.code.fate is Fate.MAY_PASS


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
