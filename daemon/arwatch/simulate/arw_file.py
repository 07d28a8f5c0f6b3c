"""A mosaic and its exposure as the bytes of an uncompressed ARW, such as a Sony ILCE-7M3 writes."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from arwatch.model.frame import Exposure

Tags: TypeAlias = dict[int, tuple[str, tuple[int, ...] | bytes]]
"""TIFF tags with type (a key of `_TYPES`) and values; a rational is two numbers."""

_TYPES = {"B": (1, "B", 1), "s": (2, "s", 1), "H": (3, "H", 1), "I": (4, "I", 1), "r": (5, "I", 2)}
"""TIFF's code, struct's letter, and numbers a value."""

DATA_OFFSET = 4096
"""Where the picture begins, bytes; header and EXIF before it need less than 1 kB."""


def colors_of(pattern: str) -> NDArray[np.uint8]:
    """Return the band (2, 2) of each filter of a pattern such as RGGB: 0 red, 1 green, 2 blue."""
    return np.array([["RGB".index(letter) for letter in pattern[i : i + 2]] for i in (0, 2)], np.uint8)


def write_arw(
    path: Path,
    mosaic: NDArray[np.uint16],
    exposure: Exposure | None = None,
    *,
    pattern: str = "RGGB",
    black_level: int = 512,
    margins: tuple[int, int] = (0, 0),
) -> None:
    """Write a mosaic as an uncompressed ARW that LibRaw opens as a Sony ILCE-7M3's.

    Parameters
    ----------
    path
        The file to write; an existing one is replaced.
    mosaic
        (ny, nx) in ADU, not above 16383, margins included.
    exposure
        What EXIF shall say. Its make and model are not used, because LibRaw decodes the file by those of the
        ILCE-7M3.
    pattern
        Filters of the visible area from its first pixel on.
    black_level
        ADU.
    margins
        Rows above and columns left of the visible area, as masked pixels.
    """
    path.write_bytes(arw_bytes(mosaic, exposure, pattern=pattern, black_level=black_level, margins=margins))


def download(path: Path, data: bytes) -> None:
    """Let a file appear complete, as careful tools do: written under a hidden name, then renamed."""
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_bytes(data)
    hidden.rename(path)


def arw_bytes(
    mosaic: NDArray[np.uint16],
    exposure: Exposure | None = None,
    *,
    pattern: str = "RGGB",
    black_level: int = 512,
    margins: tuple[int, int] = (0, 0),
) -> bytes:
    """Return the file that `write_arw` writes."""
    top, left = margins
    height, width = mosaic.shape
    active: Tags = {50829: ("I", (top, left, height, width))}
    data = np.ascontiguousarray(mosaic, "<u2").tobytes()
    picture = picture_tags(mosaic.shape, pattern, black_level) | strip_tags(height, len(data)) | active
    return assemble(picture, exposure, data)


def picture_tags(shape: tuple[int, ...], pattern: str, black_level: int) -> Tags:
    """Return the tags of an uncompressed raw picture (ny, nx) of 16 bits, without those that say where it is stored."""
    return {
        256: ("I", (shape[1],)),
        257: ("I", (shape[0],)),
        258: ("H", (16,)),
        259: ("H", (1,)),
        262: ("H", (32803,)),  # a colour mosaic
        271: ("s", b"SONY\0"),
        272: ("s", b"ILCE-7M3\0"),
        277: ("H", (1,)),
        29456: ("H", (black_level,) * 4),  # 0x7310, the tag in which Sony keeps it
        33421: ("H", (2, 2)),
        33422: ("B", tuple(colors_of(pattern).ravel().tolist())),
    }


def strip_tags(height: int, length: int) -> Tags:
    """Return the tags of a picture that is one strip of `length` bytes."""
    return {273: ("I", (DATA_OFFSET,)), 278: ("I", (height,)), 279: ("I", (length,))}


def assemble(picture: Tags, exposure: Exposure | None, data: bytes) -> bytes:
    """Join header, EXIF and the stored picture, which begins at `DATA_OFFSET`, to a file."""
    return tiff_header(picture, exif_tags(exposure or Exposure())).ljust(DATA_OFFSET, b"\0") + data


def tiff_header(picture: Tags, exif: Tags) -> bytes:
    """Return a little-endian TIFF header with one IFD and its EXIF IFD, which tifffile cannot write."""
    start = 8
    size = len(_ifd(picture | {34665: ("I", (0,))}, start))
    exif_start = start + size
    first = _ifd(picture | {34665: ("I", (exif_start,))}, start)
    return struct.pack("<2sHI", b"II", 42, start) + first + _ifd(exif, exif_start)


def _ifd(tags: Tags, start: int) -> bytes:
    """Return an IFD that stands at the offset `start`, with its longer values behind it."""
    table, values = b"", b""
    values_start = start + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        if isinstance(value, bytes):
            data, count = value, len(value)
        else:
            data, count = (
                struct.pack(f"<{len(value)}{_TYPES[kind][1]}", *value),
                len(value) // _TYPES[kind][2],
            )
        if len(data) > 4:
            at = values_start + len(values)
            values += data + b"\0" * (len(data) % 2)
            data = struct.pack("<I", at)
        table += struct.pack("<HHI4s", tag, _TYPES[kind][0], count, data.ljust(4, b"\0"))
    return struct.pack("<H", len(tags)) + table + struct.pack("<I", 0) + values


def exif_tags(exposure: Exposure) -> Tags:
    """Return the tags of the EXIF IFD for all of an exposure that is not None."""
    tags: Tags = {}

    def rational(tag: int, value: float | None) -> None:
        if value is not None:
            fraction = Fraction(value).limit_denominator(10_000)
            tags[tag] = ("r", (fraction.numerator, fraction.denominator))

    def text(tag: int, value: str | None) -> None:
        if value is not None:
            tags[tag] = ("s", value.encode("ascii", "replace") + b"\0")

    rational(33434, exposure.exposure_s)
    rational(33437, exposure.f_number)
    rational(37386, exposure.focal_length_mm)
    if exposure.iso is not None:
        tags[34855] = ("H", (min(exposure.iso, 65535),))
        tags[34866] = ("I", (exposure.iso,))  # RecommendedExposureIndex: above what 16 bits hold
    if exposure.taken is not None:
        text(36867, exposure.taken.strftime("%Y:%m:%d %H:%M:%S"))
        text(37521, f"{exposure.taken.microsecond // 1000:03d}")
    if exposure.utc_offset is not None:
        minutes = round(exposure.utc_offset.total_seconds() / 60)
        text(36881, f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}")
    text(42036, exposure.lens)
    return tags
