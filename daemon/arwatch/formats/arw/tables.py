"""Where a raw file's TIFF tables say that its picture lies, and so how long the file must be.

The daemon reads the tables of each file that stopped growing. Therefore this module needs the standard library
only, reads no more than the tables, decodes nothing, and checks all that it reads: loops, counts and offsets
are bounded.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import deque
from dataclasses import dataclass
from itertools import compress
from typing import BinaryIO

from arwatch.errors import DamagedError, NotRawError
from arwatch.formats.not_raw import what_else

_HEADER = 8
_MAX_IFDS = 32  # cameras write 2 to 6
_MAX_ENTRIES = 1024  # entries of one IFD; cameras write up to 80
_MAX_PIECES = 65_536  # strips or tiles; 61 Mpx in strips of one row are 6,336
_MAX_NUMBERS = 4 * _MAX_PIECES  # offsets and lengths that are read in all of a file's tables
_MAX_LENGTH = 1 << 62  # bytes; more than any file has

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS = 322, 323, 324, 325, 330
_SONY_SIZE = 28728  # 0x7038: width and height without the pixels that only fill the last tiles
_TAGS = frozenset(
    {
        *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC),
        *(_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES),
        *(_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS, _SONY_SIZE),
        0,  # no tag: the table is not written to its end
    }
)

_CFA, _LINEAR_RAW, _YCBCR = 32803, 34892, 6
_UNCOMPRESSED = 1

_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}  # BYTE, SHORT, LONG, IFD: the types that these tags have
_ORDERS = {"<": "little", ">": "big"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """The raw picture of a file as its own tables describe it."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    bits: int
    """Bits a sample, as stated (8 for Sony's lossy storage); 0 where the file is silent."""
    samples: int
    """Samples a pixel: 1 for a mosaic."""
    compression: int
    """TIFF compression code: 1 none, 7 lossless JPEG, 32766 and 32767 Sony's own."""
    photometric: int
    """TIFF photometric code: 32803 a colour mosaic."""
    offsets: array[int]
    """Bytes: where each strip or tile begins, in the order of the table."""
    lengths: array[int]
    """Bytes of each strip or tile."""
    tile_width: int
    """Pixels of a piece's row; the picture's width where it is stored in strips."""
    tile_height: int
    """Rows of a piece."""
    used_height: int
    """Rows of the picture proper; those below only fill up the last row of tiles."""

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """(offset, length) in bytes of each strip or tile, in the order of the table."""
        return list(zip(self.offsets, self.lengths, strict=True))

    @property
    def end(self) -> int:
        """The length in bytes that the file must have to hold the whole picture."""
        return max(offset + length for offset, length in zip(self.offsets, self.lengths, strict=True))


class _Missing(Exception):  # noqa: N818  it never leaves this module, and missing bytes are no error
    """The file must have `needed` bytes before the tables can be read on."""

    def __init__(self, needed: int) -> None:
        self.needed = needed


def needed_length(file: BinaryIO, size: int) -> int:
    """Tell how long `file` must be so that all the data its raw picture's tables promise is there.

    Only what the raw picture needs is binding; previews and maker's notes may point anywhere.

    Parameters
    ----------
    file
        The file, open for reading; its position is changed.
    size
        Its length in bytes as it is now.

    Returns
    -------
    int
        Bytes. If it is at most `size`, the file is complete. If it is greater, the file is not complete yet;
        while the tables themselves are missing (or are still zeros, in a preallocated file) it is only the
        length at which the tables can be read on, or `size` + 1.

    Raises
    ------
    NotRawError, DamagedError
        This cannot become a raw picture, whatever bytes follow.
    OSError
        The file could not be read.
    """
    try:
        return _find_raw(file, size).end
    except _Missing as missing:
        return max(missing.needed, size + 1)


def raw_image(file: BinaryIO, size: int) -> RawImage | None:
    """Describe the raw picture of a file of `size` bytes; None while its tables are missing.

    Raises NotRawError and OSError as `needed_length` does.
    """
    try:
        return _find_raw(file, size)
    except _Missing:
        return None


def _find_raw(file: BinaryIO, size: int) -> RawImage:
    """Describe the largest raw picture in the IFDs and SubIFDs, as LibRaw chooses it."""
    if size < _HEADER:
        raise _Missing(_HEADER)
    tiff = _Tiff(file, size)
    found: list[RawImage] = []
    missing = 0
    waiting, seen = deque([tiff.first]), set[int]()
    while waiting and len(seen) < _MAX_IFDS:
        offset = waiting.popleft()
        if offset in seen:
            continue
        seen.add(offset)
        try:
            entries, following = tiff.entries(offset)
            if 0 in entries:
                missing = size + 1  # there is no tag 0: the end of the table is not written yet
            if following:
                waiting.append(following)
            if _SUB_IFDS in entries:
                waiting.extend(tiff.values(entries[_SUB_IFDS], limit=_MAX_IFDS))
            image = _image(tiff, entries)
        except _Missing as error:
            missing = max(missing, error.needed)
        else:
            if image is not None:
                found.append(image)
    if found:
        return max(found, key=lambda image: image.width * image.height * max(image.bits, 1))
    if missing:
        raise _Missing(missing)
    raise NotRawError("the file is a TIFF file without a camera's raw picture: keep it out of the watched folder")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of an IFD: TIFF type, number of values, and the values themselves or where they are."""

    kind: int
    count: int
    inline: bytes


class _Tiff:
    """Reads TIFF structures; raises `_Missing` where they are beyond the file's end or not written yet."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._numbers_left = _MAX_NUMBERS
        head = self._read(0, _HEADER)
        if head.startswith(b"II*\0"):
            self._order = "<"
        elif head.startswith(b"MM\0*"):
            self._order = ">"
        elif not any(head):
            raise _Missing(size + 1)  # preallocated, nothing written yet
        else:
            raise NotRawError(what_else(head + self._read(0, min(size, 64))[_HEADER:]))
        (self.first,) = struct.unpack(self._order + "I", head[4:])

    def entries(self, offset: int) -> tuple[dict[int, _Entry], int]:
        """Read one IFD: those of its entries that are needed here by tag, and the offset of the next IFD or 0."""
        (count,) = struct.unpack(self._order + "H", self._read(offset, 2))
        if offset < _HEADER or count == 0:
            raise _Missing(self._size + 1)  # a table in the header or without entries: zeros, not written yet
        if count > _MAX_ENTRIES:
            return {}, 0
        table = self._read(offset + 2, 12 * count)
        found = {
            tag: _Entry(kind, values, inline)
            for tag, kind, values, inline in struct.iter_unpack(self._order + "HHI4s", table)
            if tag in _TAGS
        }
        try:
            (following,) = struct.unpack(self._order + "I", self._read(offset + 2 + 12 * count, 4))
        except _Missing:
            following = 0  # some programs do not write the last IFD's link
        return found, following

    def values(self, entry: _Entry | None, limit: int) -> array[int]:
        """Read an entry's integers; none where there is no entry, or its type or count is nonsense."""
        code = _FORMATS.get(entry.kind) if entry else None
        if entry is None or code is None or not 0 < entry.count <= limit:
            return array("I")
        numbers = array(code)
        length = entry.count * numbers.itemsize
        if length <= len(entry.inline):
            numbers.frombytes(entry.inline[:length])
        else:
            (offset,) = struct.unpack(self._order + "I", entry.inline)
            numbers.frombytes(self._table(offset, length, entry.count))
        if _ORDERS[self._order] != sys.byteorder:
            numbers.byteswap()
        return numbers

    def _table(self, offset: int, length: int, count: int) -> bytes:
        """Read a table outside its IFD, while all of them together stay within what a camera could write.

        A small file can name one table again and again: 32 IFDs would be 4 million numbers.
        """
        data = self._read(offset, length)
        self._numbers_left -= count
        if self._numbers_left < 0:
            raise DamagedError("the file's tables list more strips than any picture has: copy the file again")
        return data

    def _read(self, offset: int, length: int) -> bytes:
        if offset + length > self._size:
            raise _Missing(offset + length)
        self._file.seek(offset)
        data = self._file.read(length)
        if len(data) < length:
            raise _Missing(offset + length)
        return data


def _image(tiff: _Tiff, entries: dict[int, _Entry]) -> RawImage | None:
    """Describe an IFD's picture if it can be the raw one; None for previews and tables without one."""

    def one(tag: int, otherwise: int) -> int:
        values = tiff.values(entries.get(tag), limit=16)
        return values[0] if values else otherwise

    if entries.keys().isdisjoint((_STRIP_OFFSETS, _TILE_OFFSETS)):
        return None
    photometric = one(_PHOTOMETRIC, 0)
    width, height = one(_WIDTH, 0), one(_HEIGHT, 0)
    bits = one(_BITS, 0)
    # a raw picture in YCbCr (Sony's lossless M and S sizes) differs from a preview by its depth
    if photometric not in (_CFA, _LINEAR_RAW) and not (photometric == _YCBCR and bits > 8):
        return None
    if not width or not height:
        return None
    samples, compression = one(_SAMPLES, 1), one(_COMPRESSION, _UNCOMPRESSED)
    tiled = _TILE_OFFSETS in entries
    offsets = tiff.values(entries[_TILE_OFFSETS if tiled else _STRIP_OFFSETS], limit=_MAX_PIECES)
    lengths = tiff.values(entries.get(_TILE_BYTES if tiled else _STRIP_BYTES), limit=_MAX_PIECES)
    if not lengths and compression == _UNCOMPRESSED and len(offsets) == 1:
        lengths = array("Q", [min(width * height * samples * (bits or 16) // 8, _MAX_LENGTH)])
    count = min(len(offsets), len(lengths))
    offsets, lengths = offsets[:count], lengths[:count]
    if 0 in lengths:
        offsets = array(offsets.typecode, compress(offsets, lengths))
        lengths = array(lengths.typecode, filter(None, lengths))
    if not lengths:
        return None
    used = tiff.values(entries.get(_SONY_SIZE), limit=2)
    return RawImage(
        width=width,
        height=height,
        bits=bits,
        samples=samples,
        compression=compression,
        photometric=photometric,
        offsets=offsets,
        lengths=lengths,
        tile_width=one(_TILE_WIDTH, 0) if tiled else width,
        tile_height=one(_TILE_HEIGHT, 0) if tiled else one(_ROWS_PER_STRIP, height),
        used_height=used[1] if len(used) == 2 and 0 < used[1] <= height else height,
    )
