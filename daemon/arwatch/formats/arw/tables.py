"""Where a raw file's TIFF tables say that its picture lies, and so how long the file must be.

The daemon reads the tables of each file that stopped growing. Therefore this module needs the standard library
only, reads no more than the tables, decodes nothing, and checks all that it reads: loops, counts and offsets
are bounded.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from typing import BinaryIO

from arwatch.errors import NotRawError

_HEADER = 8
_MAX_IFDS = 32  # cameras write 2 to 6
_MAX_ENTRIES = 1024  # entries of one IFD; cameras write up to 80
_MAX_PIECES = 65_536  # strips or tiles; 61 Mpx in strips of one row are 6,336

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, _SUB_IFDS = 322, 323, 324, 325, 330
_SONY_SIZE = 28728  # 0x7038: width and height without the pixels that only fill the last tiles

_CFA, _LINEAR_RAW, _YCBCR = 32803, 34892, 6
_UNCOMPRESSED = 1

_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I"}  # BYTE, SHORT, LONG, IFD: the types that these tags have

_OTHER_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"SIMPLE": "a FITS file",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"<": "a web page or another text",
}


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
    pieces: tuple[tuple[int, int], ...]
    """(offset, length) in bytes of each strip or tile, in the order of the table."""

    tile_width: int
    """Pixels of a piece's row; the picture's width where it is stored in strips."""
    tile_height: int
    """Rows of a piece."""
    used_height: int
    """Rows of the picture proper; those below only fill up the last row of tiles."""

    @property
    def end(self) -> int:
        """The length in bytes that the file must have to hold the whole picture."""
        return max(offset + length for offset, length in self.pieces)


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
    NotRawError
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
        head = self._read(0, _HEADER)
        if head.startswith(b"II*\0"):
            self._order = "<"
        elif head.startswith(b"MM\0*"):
            self._order = ">"
        elif not any(head):
            raise _Missing(size + 1)  # preallocated, nothing written yet
        else:
            raise NotRawError(_other_kind(head + self._read(0, min(size, 64))[_HEADER:]))
        (self.first,) = struct.unpack(self._order + "I", head[4:])

    def entries(self, offset: int) -> tuple[dict[int, _Entry], int]:
        """Read one IFD: its entries by tag, and the offset of the next IFD or 0."""
        (count,) = struct.unpack(self._order + "H", self._read(offset, 2))
        if offset < _HEADER or count == 0:
            raise _Missing(self._size + 1)  # a table in the header or without entries: zeros, not written yet
        if count > _MAX_ENTRIES:
            return {}, 0
        table = self._read(offset + 2, 12 * count)
        found = {
            tag: _Entry(kind, values, inline)
            for tag, kind, values, inline in struct.iter_unpack(self._order + "HHI4s", table)
        }
        try:
            (following,) = struct.unpack(self._order + "I", self._read(offset + 2 + 12 * count, 4))
        except _Missing:
            following = 0  # some programs do not write the last IFD's link
        return found, following

    def values(self, entry: _Entry, limit: int) -> tuple[int, ...]:
        """Read an entry's integers; an empty tuple if its type or count is not possible."""
        code = _FORMATS.get(entry.kind)
        if code is None or not 0 < entry.count <= limit:
            return ()
        form = f"{self._order}{entry.count}{code}"
        length = struct.calcsize(form)
        if length <= len(entry.inline):
            return struct.unpack_from(form, entry.inline)
        (offset,) = struct.unpack(self._order + "I", entry.inline)
        return struct.unpack(form, self._read(offset, length))

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
        entry = entries.get(tag)
        values = tiff.values(entry, limit=16) if entry else ()
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
    lengths_entry = entries.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    lengths = tiff.values(lengths_entry, limit=_MAX_PIECES) if lengths_entry else ()
    if not lengths and compression == _UNCOMPRESSED and len(offsets) == 1:
        lengths = (width * height * samples * (bits or 16) // 8,)
    pieces = tuple(piece for piece in zip(offsets, lengths, strict=False) if piece[1])
    if not pieces:
        return None
    used = tiff.values(entries[_SONY_SIZE], limit=2) if _SONY_SIZE in entries else ()
    return RawImage(
        width=width,
        height=height,
        bits=bits,
        samples=samples,
        compression=compression,
        photometric=photometric,
        pieces=pieces,
        tile_width=one(_TILE_WIDTH, 0) if tiled else width,
        tile_height=one(_TILE_HEIGHT, 0) if tiled else one(_ROWS_PER_STRIP, height),
        used_height=used[1] if len(used) == 2 and 0 < used[1] <= height else height,
    )


def _other_kind(head: bytes) -> str:
    """Say what a file that is no TIFF file is, and what to do with it."""
    if head.startswith(b"version https://git-lfs"):
        return "the file is a Git LFS pointer, not the picture: fetch the real file (git lfs pull)"
    for magic, name in _OTHER_KINDS.items():
        if head.startswith(magic):
            return f"the file is {name}, not a camera raw file: keep it out of the watched folder"
    return "the file is not a camera raw file: keep it out of the watched folder"
