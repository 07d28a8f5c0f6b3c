"""The exposure that EXIF tells: each value by itself, and nothing from a broken one but None."""

import contextlib
import io
import logging
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from arw_support import FORMS, SCENE, SKY, Read, clock, reader
from arwatch.formats.arw import decode
from arwatch.model.frame import Exposure
from arwatch.simulate.arw_file import DATA_OFFSET, exif_tags, picture_tags, strip_tags, tiff_header

LENS = (SCENE.exposure.lens or "").encode()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)


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
def test_a_broken_exif_value_costs_no_other_one(
    read: Read,
    tag: int,
    value: tuple[str, tuple[int, ...] | bytes],
    field: str,
    expected: object,
) -> None:
    exposure = read(exif_file(exif_tags(SCENE.exposure) | {tag: value})).exposure
    assert exposure == replace(SCENE.exposure, **{field: expected})  # type: ignore[arg-type]


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


HEADER = FORMS["uncompressed"][:DATA_OFFSET]
TABLES_END = len(HEADER.rstrip(b"\0")) + 1
"""Behind the last byte that any of the header's values use."""


@contextlib.contextmanager
def messages() -> Iterator[list[str]]:
    """Collect what is logged, by any logger at any level, and what is warned of."""
    collected: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            collected.append(record.getMessage())

    collector, root = Collector(), logging.getLogger()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield collected
        collected += [str(warning.message) for warning in warned]
    finally:
        root.removeHandler(collector)
        root.setLevel(level)


def ifd_beyond_the_end(header: bytearray) -> None:
    header[4:8] = b"\xff\xff\xff\x7f"


def focal_length_of_no_type(header: bytearray) -> None:
    at = header.find(struct.pack("<H", 37386))
    header[at + 2 : at + 4] = b"\x05\xd0"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [(ifd_beyond_the_end, Exposure()), (focal_length_of_no_type, replace(SCENE.exposure, focal_length_mm=None))],
)
def test_what_tifffile_says_of_a_broken_exif_is_held_back(
    damage: Callable[[bytearray], None], expected: Exposure
) -> None:
    header = bytearray(HEADER)
    damage(header)
    with messages() as collected, contextlib.suppress(Exception), tifffile.TiffFile(io.BytesIO(header)) as tiff:
        tiff.pages.first.tags.valueof(34665)
    assert collected
    with messages() as collected:
        assert decode._exposure(io.BytesIO(header)) == expected
        logging.getLogger("tifffile").error("of another reader")
    assert collected == ["of another reader"]


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=20))
def test_no_exif_raises_warns_or_logs(changes: list[tuple[int, int]]) -> None:
    header = bytearray(HEADER)
    for at, value in changes:
        header[at] = value
    with messages() as collected:
        exposure = decode._exposure(io.BytesIO(header))
    assert collected == []
    if header[:TABLES_END] == HEADER[:TABLES_END]:
        assert exposure == SCENE.exposure
    for number in (exposure.exposure_s, exposure.iso, exposure.f_number, exposure.focal_length_mm):
        assert number is None or 0 <= number < 1e9
    for text in (exposure.make, exposure.model, exposure.lens):
        assert text is None or (text.isprintable() and text)
    assert exposure.camera_temperature_c is None or -128 <= exposure.camera_temperature_c < 128


@settings(max_examples=100, deadline=None)
@given(letters=st.binary(min_size=len(LENS), max_size=len(LENS)))
def test_a_broken_lens_costs_no_other_value(letters: bytes) -> None:
    header = HEADER.replace(LENS, letters)
    exposure = decode._exposure(io.BytesIO(header))
    assert replace(exposure, lens=SCENE.exposure.lens) == SCENE.exposure
