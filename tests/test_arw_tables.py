"""How long a raw file must be, by its own tables."""

import contextlib
import io
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import storage
from arwatch.errors import DamagedError, NotRawError
from arwatch.formats.arw.tables import needed_length, raw_image
from arwatch.simulate import Scene, render

MOSAIC = render(Scene(height=128, width=192, stars=3)).mosaic
LOSSLESS = storage.lossless(MOSAIC)


def needed(data: bytes, size: int | None = None) -> int:
    return needed_length(io.BytesIO(data), len(data) if size is None else size)


@pytest.fixture(params=list(storage.FORMS.values()), ids=list(storage.FORMS))
def frame(request: pytest.FixtureRequest) -> bytes:
    data = request.param(MOSAIC)
    assert isinstance(data, bytes)
    return data


def test_a_whole_file_is_complete_to_the_byte(frame: bytes) -> None:
    assert needed(frame) == len(frame)
    assert needed(frame + b"appended") == len(frame)


def test_every_beginning_is_incomplete(frame: bytes) -> None:
    for size in [*range(600), *range(600, len(frame), 997), len(frame) - 1]:
        assert needed(frame[:size]) > size


def test_a_preallocated_file_is_incomplete_until_its_tables_are_written(frame: bytes) -> None:
    for written in [0, 4, 8, 10]:
        data = frame[:written] + bytes(len(frame) - written)
        assert needed(data) > len(data)
    assert needed(frame[:4096] + bytes(len(frame) - 4096)) == len(frame)


def test_a_file_that_shrinks_while_it_is_read_is_incomplete(frame: bytes) -> None:
    assert needed(frame[:100], size=len(frame)) > len(frame)


def test_the_raw_picture_is_described(frame: bytes) -> None:
    image = raw_image(io.BytesIO(frame), len(frame))
    assert image is not None
    assert (image.width, image.height, image.samples, image.photometric) == (192, 128, 1, 32803)
    assert raw_image(io.BytesIO(frame[:100]), 100) is None


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"\x89PNG\r\n\x1a\n0000", "PNG"),
        (b"\xff\xd8\xff\xe000000000", "JPEG"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", "not a camera raw file"),
        (b"notes of the night: clear, cold", "not a camera raw file"),
    ],
)
def test_other_files_are_refused_by_name(head: bytes, says: str) -> None:
    with pytest.raises(NotRawError, match=says):
        needed(head)


def tiff(*ifds: dict[int, tuple[int, ...]]) -> bytes:
    """Chain IFDs of LONG tags; more values than one stand at the end of their IFD."""
    data = b"II*\0" + struct.pack("<I", 8)
    for position, tags in enumerate(ifds):
        table, values = b"", b""
        end = len(data) + 6 + 12 * len(tags)
        for tag, numbers in sorted(tags.items()):
            inline = struct.pack(f"<{len(numbers)}I", *numbers)
            if len(numbers) > 1:
                inline, values = struct.pack("<I", end + len(values)), values + inline
            table += struct.pack("<HHI", tag, 4, len(numbers)) + inline
        following = end + len(values) if position + 1 < len(ifds) else 0
        data += struct.pack("<H", len(tags)) + table + struct.pack("<I", following) + values
    return data


RAW: dict[int, tuple[int, ...]] = {
    256: (4,), 257: (2,), 258: (16,), 259: (1,), 262: (32803,), 273: (1000,), 279: (16,)
}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "length"),
    [
        pytest.param(tiff(RAW), 1016, id="one strip"),
        pytest.param(tiff({256: (160,), 257: (120,), 273: (9_000_000,), 279: (1,)}, RAW), 1016, id="preview beyond"),
        pytest.param(tiff({513: (9_000_000,), 514: (1000,)}, RAW), 1016, id="JPEG preview beyond"),
        pytest.param(tiff({34665: (9_000_000,)}, RAW), 1016, id="EXIF beyond"),
        pytest.param(tiff(RAW | {330: (9_000_000,)}), 1016, id="another picture beyond"),
        pytest.param(tiff(RAW | {273: (1000, 2000), 279: (16, 8)}), 2008, id="two strips"),
        pytest.param(tiff(RAW | {273: (3000, 2000), 279: (16, 8)}), 3016, id="strips out of order"),
        pytest.param(tiff(RAW | {324: (1000, 1500), 325: (9, 7), 322: (2,), 323: (2,)}), 1507, id="tiles"),
        pytest.param(tiff({key: RAW[key] for key in RAW if key != 279}), 1016, id="length left out"),
        pytest.param(tiff(RAW, RAW | {256: (8,), 273: (5000,)}), 5016, id="the larger of two"),
        pytest.param(tiff(RAW)[:-4], 1016, id="no link to a next IFD"),
    ],
)  # fmt: skip
def test_only_the_raw_picture_binds(data: bytes, length: int) -> None:
    assert needed(data.ljust(length + 100, b"x")) == length
    assert needed(data.ljust(length - 1, b"x")) > length - 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(tiff({256: (100,)}), id="no picture"),
        pytest.param(tiff(RAW | {262: (2,)}), id="RGB"),
        pytest.param(tiff(RAW | {256: (0,)}), id="no width"),
        pytest.param(tiff(RAW | {279: (0,)}), id="no data"),
    ],
)
def test_a_tiff_without_a_raw_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotRawError, match="TIFF"):
        needed(data + bytes(2000))


def test_loops_and_absurd_counts_come_to_an_end() -> None:
    loop = bytearray(tiff({256: (100,)}))
    loop[-4:] = struct.pack("<I", 8)
    with pytest.raises(NotRawError):
        needed(bytes(loop))
    absurd = bytearray(tiff(RAW))
    at = absurd.find(struct.pack("<HHI", 273, 4, 1)) + 4
    absurd[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(NotRawError):
        needed(bytes(absurd) + bytes(2000))


def same_table(ifds: int, strips: int) -> bytes:
    """So many raw pictures, whose tables of strips are one and the same: 8 bytes at 8."""
    tags = {256: (4, 1), 257: (2, 1), 258: (16, 1), 259: (1, 1), 262: (32803, 1), 273: (0, strips), 279: (0, strips)}
    step = 6 + 12 * len(tags)
    table = 8 + ifds * step
    data = b"II*\0" + struct.pack("<I", 8)
    for number in range(1, ifds + 1):
        data += struct.pack("<H", len(tags))
        data += b"".join(struct.pack("<HHII", tag, 4, n, value or table) for tag, (value, n) in tags.items())
        data += struct.pack("<I", 8 + number * step if number < ifds else 0)
    return data + struct.pack(f"<{strips}I", *[8] * strips)


@pytest.mark.parametrize(("ifds", "strips"), [(1, 65_536), (2, 65_536), (32, 4_000), (32, 65_536), (31, 65_536)])
def test_tables_are_read_within_bounds_of_memory(ifds: int, strips: int) -> None:
    data = same_table(ifds, strips)
    tracemalloc.start()
    try:
        if 2 * ifds * strips > 300_000:
            with pytest.raises(DamagedError, match="more strips than any picture has"):
                needed(data)
        else:
            assert needed(data) == 16
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@settings(max_examples=50, deadline=500)
@given(
    ifds=st.integers(1, 40),
    strips=st.integers(2, 70_000),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=12),
)
def test_no_tables_take_long(ifds: int, strips: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(same_table(ifds, strips))
    for at, value in changes:
        data[at % len(data)] = value
    with contextlib.suppress(NotRawError, DamagedError):
        assert needed(bytes(data)) >= 0


@given(st.binary(max_size=400))
def test_no_bytes_crash_it(tail: bytes) -> None:
    for head in (b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0"):
        with contextlib.suppress(NotRawError):
            assert needed(head + tail) >= 0


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=12))
def test_no_changed_header_crashes_it(changes: list[tuple[int, int]]) -> None:
    data = bytearray(LOSSLESS)
    for at, value in changes:
        data[at] = value
    with contextlib.suppress(NotRawError, DamagedError):
        assert needed(bytes(data)) >= 0


@pytest.mark.skipif("ARWATCH_FRAMES" not in os.environ, reason="ARWATCH_FRAMES names no folder with camera files")
def test_camera_files_are_complete_to_the_byte() -> None:
    folder = Path(os.environ["ARWATCH_FRAMES"])
    paths = [*folder.glob("*.[aA][rR][wW]"), *folder.glob("foreign/*.nef")]
    assert paths
    for path in paths:
        size = path.stat().st_size
        with path.open("rb") as file:
            assert needed_length(file, size) == size, path.name
            assert needed_length(file, size - 1) > size - 1, path.name


def test_mosaics_of_any_length_keep_the_table_exact() -> None:
    data = storage.uncompressed(np.full((23, 31), 600, np.uint16))
    assert needed(data) == len(data)
