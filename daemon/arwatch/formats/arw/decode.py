"""ARW -> Frame: the only module that knows LibRaw (rawpy) and tifffile."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import struct
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import rawpy
import tifffile

from arwatch.errors import DamagedError, FrameError, IncompleteError, NoMemoryError, UnsupportedError
from arwatch.formats.arw import decoded_damage, stored_damage, tables
from arwatch.model.frame import Exposure, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TIFF_EP = {
    271: "Make",
    272: "Model",
    33434: "ExposureTime",
    33437: "FNumber",
    34855: "ISOSpeedRatings",
    36867: "DateTimeOriginal",
    37386: "FocalLength",
}
"""Tags that cameras write into the first IFD, with the names of their EXIF values, which take precedence."""

_DECIPHER = bytes.maketrans(bytes(n**3 % 249 if n < 249 else n for n in range(256)), bytes(range(256)))
"""Undoes Sony's cipher of the tags 0x94xx, which raises each byte below 249 to its third power, modulo 249.

Source: LibRaw and ExifTool (Sony.pm, `Decipher`)."""

MAX_PIXELS = 300_000_000
"""A picture with more pixels is a damaged header; the largest sensors of today have 150 million."""

_NO_MEMORY = "there was not enough memory to decode the frame: raise [workers] memory_mib, or set fewer workers"


def decode(file: BinaryIO) -> Frame:
    """Decode one raw file.

    Parameters
    ----------
    file
        A raw file in a TIFF container. It has a descriptor and lies in memory, so that no error of a disk can look like
        damage: LibRaw tells the two apart neither when it opens a file nor when it decodes one. It is emptied before
        the mosaic is copied, so that file, LibRaw's mosaic and the copy do not take memory at the same time.

    Returns
    -------
    Frame
        The visible mosaic as a copy of its own, with its colour pattern, its levels in ADU and its exposure.

    Raises
    ------
    IncompleteError
        The file ends before the data that its tables promise.
    NotRawError, UnsupportedError, DamagedError
        The file is no raw file, one that cannot be decoded, or broken inside.
    NoMemoryError
        There is not enough memory.
    """
    size = file.seek(0, os.SEEK_END)
    raw = tables.raw_image(file, size)
    if raw is None or raw.end > size:
        raise IncompleteError.at(size, tables.needed_length(file, size))
    _refuse_unsupported(raw)
    _refuse_absurd(raw.width, raw.height, size)
    try:
        suspects = stored_damage.check_stored(file, raw)
        with rawpy.RawPy() as decoder:
            decoder.open_file(f"/proc/self/fd/{file.fileno()}")
            sizes = decoder.sizes
            _refuse_absurd(sizes.raw_width, sizes.raw_height, size)
            decoder.unpack()
            mosaic = _mosaic(decoder)
            decoded_damage.check_rows(
                mosaic[: raw.used_height - sizes.top_margin] if raw.used_height < raw.height else mosaic
            )
            if raw.compression in stored_damage.LOSSLESS:
                decoded_damage.check_lossless(file, raw, decoder.raw_image, suspects)
            exposure = _exposure(file)
            file.truncate(0)
            return Frame(
                mosaic=mosaic.copy(),
                colors=_colors(decoder),
                black_level=min(decoder.black_level_per_channel),
                white_level=decoder.white_level,
                exposure=exposure,
            )
    except FrameError:
        raise
    except MemoryError as error:
        raise NoMemoryError(_NO_MEMORY) from error
    except (rawpy.LibRawError, rawpy.NotSupportedError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, rawpy.LibRawUnsufficientMemoryError) or not _fits_into_memory(raw):
            raise NoMemoryError(_NO_MEMORY) from error
        raise _explained(error) from error


def _refuse_unsupported(raw: tables.RawImage) -> None:
    """Raise UnsupportedError for storage that no decoder reads and for pictures without a mosaic."""
    if raw.compression == 32766:
        raise UnsupportedError(
            "the frame is stored as ARW 6 (compressed by an A7 V or later), which no decoder here reads yet: "
            "set the camera to uncompressed or lossless compressed RAW"
        )
    if raw.samples != 1 or raw.photometric != 32803:
        raise UnsupportedError(
            "the frame holds no colour mosaic (lossless compressed in size M or S): set the camera to size L"
        )


def _refuse_absurd(width: int, height: int, size: int) -> None:
    """Raise DamagedError if a file of `size` bytes cannot hold so many pixels, or no sensor has them."""
    if width * height > min(MAX_PIXELS, 16 * size):  # no storage needs less than half a bit a pixel
        raise DamagedError(f"the header claims {width} x {height} pixels: it is damaged, copy the file again")


def _mosaic(decoder: rawpy.RawPy) -> NDArray[np.uint16]:
    """Return LibRaw's own visible mosaic (ny, nx), ADU; refuse pictures with several colours a pixel."""
    visible = decoder.raw_image_visible
    if decoder.raw_type is not rawpy.RawType.Flat or visible.ndim != 2:
        raise UnsupportedError("the frame holds no colour mosaic: only frames of one colour a pixel can be used")
    return visible


def _colors(decoder: rawpy.RawPy) -> NDArray[np.uint8]:
    """Return one period of the filter pattern from the visible area's first pixel on."""
    top, left = decoder.sizes.top_margin, decoder.sizes.left_margin
    # 24 is a whole number of periods of all the patterns that LibRaw knows, except Leaf's 16
    sample = np.array([[decoder.raw_color(top + y, left + x) for x in range(24)] for y in range(24)], np.uint8)
    for period in (2, 6):
        colors = sample[:period, :period]
        repeats = np.array_equal(sample, np.tile(colors, (24 // period, 24 // period)))
        if repeats and {0, 1, 2} <= set(colors.flat):
            return colors.copy()
    raise UnsupportedError("the sensor has no colour filter pattern that repeats: it cannot be separated into bands")


def _fits_into_memory(raw: tables.RawImage) -> bool:
    """Tell whether there is memory to decode the frame; without it LibRaw reports a sound frame as damaged."""
    try:
        # 2 bytes a pixel each for LibRaw's mosaic and for the copy
        np.empty(4 * raw.width * raw.height, np.uint8)
    except MemoryError:
        return False
    return True


def _explained(error: Exception) -> FrameError:
    """Return what an error of LibRaw means to the user."""
    if not isinstance(error, rawpy.LibRawFatalError):
        return UnsupportedError("the decoder does not know this camera's storage: a newer version of rawpy may read it")
    return DamagedError("the frame's data is damaged and cannot be decoded: copy the file again from the card")


def _exposure(file: BinaryIO) -> Exposure:
    """Read the exposure from EXIF and the maker's notes; values that cannot be read are None."""
    try:
        file.seek(0)
        with _without_messages(), tifffile.TiffFile(file, name="frame") as tiff:
            tags = tiff.pages.first.tags
            values = {name: tags.valueof(code) for code, name in _TIFF_EP.items() if code in tags}
            exif = tags.valueof(34665)
            order = tiff.byteorder
    except Exception:  # tifffile raises almost anything on damaged tables
        return Exposure()
    values |= exif if isinstance(exif, dict) else {}
    iso = _number(values.get("ISOSpeedRatings"))
    if iso is None or iso >= 65535:  # the largest number that this tag can hold stands for all that are larger
        iso = _number(values.get("RecommendedExposureIndex")) or iso
    return Exposure(
        taken=_taken(values.get("DateTimeOriginal"), values.get("SubsecTimeOriginal")),
        utc_offset=_utc_offset(values.get("OffsetTimeOriginal")),
        exposure_s=_number(values.get("ExposureTime")),
        iso=None if iso is None else round(iso),
        f_number=_number(values.get("FNumber")),
        focal_length_mm=_number(values.get("FocalLength")),
        make=_text(values.get("Make")),
        model=_text(values.get("Model")),
        lens=_text(values.get("LensModel")),
        camera_temperature_c=_temperature(file, values.get("MakerNote"), order),
    )


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Keep what tifffile logs in this thread about damaged tables out of the program's log."""
    thread = threading.get_ident()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(from_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(from_elsewhere)


def _number(value: object) -> float | None:
    """Return a positive number or rational as a float; None if it is broken, or 0, by which cameras say unknown."""
    match value:
        case int() | float():
            number = float(value)
        case (int(above), int(below), *_) if below:
            number = above / below
        case (int(first), *_) if len(value) != 2:
            number = float(first)
        case _:
            return None
    return number if 0 < number < 1e9 else None


def _text(value: object) -> str | None:
    """Return the printable part of a text; None if there is none."""
    if not isinstance(value, str):
        return None
    printable = "".join(letter for letter in value.partition("\0")[0] if letter.isprintable()).strip()
    return printable if printable.strip("-") else None  # cameras write "----" for a lens without contacts


def _taken(date_time: object, subseconds: object) -> datetime | None:
    """Combine a time such as "2024:08:12 23:15:07" with fractions of a second such as "250"."""
    text, fraction = _text(date_time), _text(subseconds)
    try:
        taken = datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  the zone has a tag of its own
    except ValueError:
        return None
    digits = fraction if fraction and re.fullmatch("[0-9]{1,9}", fraction) else "0"
    return taken + timedelta(microseconds=int(digits.ljust(9, "0")) // 1000)


def _utc_offset(value: object) -> timedelta | None:
    """Read an offset such as "+02:00"."""
    match = re.fullmatch(r"([+-])([01][0-9]):([0-5][0-9])", _text(value) or "")
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -offset if match[1] == "-" else offset


def _temperature(file: BinaryIO, note: object, order: str) -> float | None:
    """Read CameraTemperature, degrees Celsius, from Sony's tag 0x9403 in the maker's notes.

    Of its deciphered bytes number 4 is not between 1 and 99 where there is no temperature, and number 5 is
    the temperature as a signed byte. Source: LibRaw and ExifTool (Sony.pm, `Tag9403`).
    """
    if not isinstance(note, bytes):
        return None
    try:
        (count,) = struct.unpack_from(order + "H", note)
        entries = {tag: offset for tag, _, _, offset in struct.iter_unpack(order + "HHII", note[2 : 2 + 12 * count])}
        file.seek(entries[0x9403])
        check, temperature = file.read(6).translate(_DECIPHER)[4:]
    except (struct.error, KeyError, ValueError, OSError):
        return None
    if not 0 < check < 100:
        return None
    return float(temperature - 256 if temperature > 127 else temperature)
