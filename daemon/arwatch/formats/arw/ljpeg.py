"""How long the lossless JPEG code of given pixels is: a check, because decoders do not report all damage.

Source: ITU-T T.81, annex H.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = b"\xff\xd8"
"""The bytes with which every JPEG begins."""

_PADDING = 16  # bytes that encoders may leave at the end
_SOF3, _DHT, _SOS, _EOI = 0xFFC3, 0xFFC4, 0xFFDA, b"\xff\xd9"


def is_exact(data: bytes, tile: NDArray[np.uint16]) -> bool | None:
    """Tell whether a lossless JPEG has as many bytes of code as its pixels need, but for some padding.

    Each pixel is stored as its difference to the left neighbour, and the JPEG's own Huffman tables say how
    many bits each difference takes. Example: pixels whose differences take 80,001 bits need 10,001 bytes; a
    JPEG with 10,001 to 10,017 bytes of code is exact.

    Parameters
    ----------
    data
        The stored JPEG.
    tile
        (rows, columns): the pixels decoded from it. The JPEG holds them as one, two or more neighbouring columns
        of "colours", or (Sony) as four colours, one for each place in 2 x 2 pixels.

    Returns
    -------
    bool or None
        None for a JPEG with another predictor, with restart markers, or of another process or size.
    """
    if _EOI not in data:
        return False
    try:
        precision, (rows, columns, colors), tables, available = _parse(data)
    except (IndexError, KeyError, ValueError, struct.error):
        return None
    # the "colours" of the JPEG are the places in 2 x 2 pixels (Sony), or neighbouring columns
    down, across = (2, 2) if colors == 4 and 2 * rows == tile.shape[0] else (1, colors)
    if tile.shape != (rows * down, columns * across):
        return None
    differences = np.empty_like(tile)  # modulo 65536, as the standard demands
    np.subtract(tile[:, across:], tile[:, :-across], out=differences[:, across:])
    np.subtract(tile[down:, :across], tile[:-down, :across], out=differences[down:, :across])
    np.subtract(tile[:down, :across], np.uint16(1 << (precision - 1)), out=differences[:down, :across])
    if all(np.array_equal(bits, tables[0]) for bits in tables):
        needed = int(tables[0][differences].sum(dtype=np.int64))
    else:
        phases = [(y, x) for y in range(down) for x in range(across)]
        needed = sum(
            int(bits[differences[y::down, x::across]].sum(dtype=np.int64))
            for bits, (y, x) in zip(tables, phases, strict=True)
        )
    return 0 <= available - -(-needed // 8) <= _PADDING


def _parse(data: bytes) -> tuple[int, tuple[int, int, int], list[NDArray[np.uint8]], int]:
    """Return precision in bits, (rows, columns, colours), for each colour the bits by difference, and bytes of code.

    Raises ValueError, KeyError, IndexError or struct.error for a JPEG that `is_exact` cannot judge.
    """
    at = len(START)
    precision, shape = 0, (0, 0, 0)
    tables: dict[int, NDArray[np.uint8]] = {}
    while True:
        marker, size = struct.unpack_from(">HH", data, at)
        body = data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == _SOF3:
            precision, rows, columns, colors = struct.unpack_from(">BHHB", body)
            shape = (rows, columns, colors)
        elif marker == _DHT:
            while body:
                end = 17 + sum(body[1:17])
                tables[body[0]] = _bits(body[1:17], body[17:end])
                body = body[end:]
        elif marker == _SOS:
            colors = body[0]
            if body[2 * colors + 1] != 1 or body[2 * colors + 3] != 0 or colors != shape[2]:
                raise ValueError("another predictor than the left neighbour")
            code = data[at : data.rindex(_EOI)]
            used = [tables[body[2 + 2 * color] >> 4] for color in range(colors)]
            return precision, shape, used, len(code) - code.count(b"\xff\0")
        elif not 0xFFE0 <= marker <= 0xFFFE:
            raise ValueError("restarts or another process")


def _bits(counts: bytes, categories: bytes) -> NDArray[np.uint8]:
    """Return how many bits each difference takes, (65536,): its category's Huffman code and its own bits.

    `counts` (16) says how many codes there are of each length from 1 to 16 bits, `categories` whose they are.
    """
    lengths = np.zeros(256, np.uint8)
    lengths[list(categories)] = np.repeat(np.arange(1, 17), list(counts))
    differences = np.arange(65536)
    _, category = np.frexp(np.minimum(differences, 65536 - differences))
    return (lengths[category] + np.where(category == 16, 0, category)).astype(np.uint8)
