"""Header and data units streamed to a file in chunks, with their checksums; no second copy of the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from arwatch.output.publish import write_ahead

if TYPE_CHECKING:
    from astropy.io import fits
    from numpy.typing import NDArray

    from arwatch.output.fits.cards import Fact
    from arwatch.sky import Rows

BLOCK = 2880
"""Bytes: headers and data fill whole blocks."""
_CHUNK = 1 << 20  # bytes: what becomes of them stays in the processor's cache
_WORD = 0xFFFFFFFF
_PUNCTUATION = frozenset(range(0x3A, 0x41)) | frozenset(range(0x5B, 0x61))


def structure(array: Rows | None, *, extensions: int | None = None) -> list[Fact]:
    """List the mandatory cards of an image HDU in their order; the primary one tells how many extensions follow."""
    primary = extensions is not None
    kind: Fact = ("SIMPLE", True, "FITS 4.0") if primary else ("XTENSION", "IMAGE", "image extension")
    if array is None:
        facts: list[Fact] = [kind, ("BITPIX", 8, ""), ("NAXIS", 0, "no data here")]
    else:
        bits = 8 * array.dtype.itemsize * (-1 if array.dtype.kind == "f" else 1)
        facts = [kind, ("BITPIX", bits, "bits of a sample"), ("NAXIS", len(array.shape), "")]
        facts += [(f"NAXIS{axis}", n, "") for axis, n in enumerate(reversed(array.shape), 1)]
    if primary:
        return [*facts, ("EXTEND", True, ""), ("NEXTEND", extensions, "extensions that follow")]
    return [*facts, ("PCOUNT", 0, ""), ("GCOUNT", 1, "")]


def write_hdu(
    file: BinaryIO,
    header: fits.Header,
    array: Rows | None = None,
    store: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows,
) -> None:
    """Append one HDU; `store` turns rows of the array into what the file holds, a chunk at a time.

    The header gets DATASUM and CHECKSUM and is written last, since they are known last.
    """
    header = header.copy()
    header["DATASUM"] = ("0", "data unit checksum")
    header["CHECKSUM"] = ("0" * 16, "HDU checksum")
    start = file.tell()
    file.write(b" " * len(header.tostring()))
    datasum = 0 if array is None else _write_data(file, array, store)
    end = file.tell()
    header["DATASUM"] = str(datasum)
    total = _add(datasum, _sum(np.frombuffer(header.tostring().encode("ascii"), ">u4")))
    header["CHECKSUM"] = encode_checksum(total)
    file.seek(start)
    file.write(header.tostring().encode("ascii"))
    file.seek(end)


def _write_data(file: BinaryIO, array: Rows, store: Callable[[NDArray[Any]], NDArray[Any]]) -> int:
    total = written = 0
    rows = 4 * max(1, _CHUNK // 4 // max(1, array[:1].nbytes))  # of four rows every length is whole 4-byte words
    for start in range(0, len(array), rows):
        data = np.ascontiguousarray(store(array[start : start + rows]))
        raw = data.astype(data.dtype.newbyteorder(">"), copy=False).reshape(-1).view(np.uint8)
        file.write(raw.data)
        write_ahead(file, file.tell() - raw.size, file.tell())
        written += raw.size
        words = raw if raw.size % 4 == 0 else np.pad(raw, (0, -raw.size % 4))
        total = _add(total, _sum(words.view(">u4")))
    file.write(bytes(-written % BLOCK))
    return total


def _sum(words: NDArray[np.uint32]) -> int:
    return _fold(int(words.sum(dtype=np.uint64)))


def _add(first: int, second: int) -> int:
    return _fold(first + second)


def _fold(total: int) -> int:
    while total > _WORD:
        total = (total & _WORD) + (total >> 32)
    return total


def encode_checksum(total: int) -> str:
    """Write the complement of an HDU's sum as 16 ASCII characters (FITS 4.0, appendix J)."""
    columns = []
    for byte in (~total & _WORD).to_bytes(4, "big"):
        quarter = byte // 4 + 0x30
        column = [quarter + byte % 4, quarter, quarter, quarter]
        while any(value in _PUNCTUATION for value in column):
            for pair in (0, 2):
                if column[pair] in _PUNCTUATION or column[pair + 1] in _PUNCTUATION:
                    column[pair] += 1
                    column[pair + 1] -= 1
        columns.append(column)
    text = "".join(chr(columns[byte][place]) for place in range(4) for byte in range(4))
    return text[-1] + text[:-1]
