"""A mosaic in the storage forms that cameras write and `arwatch.simulate` does not."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from arwatch.simulate.arw_file import DATA_OFFSET, arw_bytes, assemble, picture_tags, strip_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.model.frame import Exposure

    Mosaic = NDArray[np.uint16]

_KNEES = (8000, 10400, 12900, 14100)  # of Sony's tone curve, in steps of a quarter


def uncompressed(mosaic: Mosaic, exposure: Exposure | None = None) -> bytes:
    return arw_bytes(mosaic, exposure)


def lossy(mosaic: Mosaic, exposure: Exposure | None = None) -> bytes:
    """ARW2: blocks of 16 pixels of one column parity in 16 bytes; the width is a multiple of 32."""
    height, width = mosaic.shape
    curve = _tone_curve()
    # the nearest of the 2048 levels
    levels = np.searchsorted((curve[1:] + curve[:-1]) / 2, mosaic).astype(np.int64)
    blocks = levels.reshape(height, width // 32, 16, 2).swapaxes(2, 3).reshape(-1, 16)
    data = _pack(blocks).tobytes()
    tags = picture_tags(mosaic.shape, "RGGB", 512) | strip_tags(height, len(data))
    return assemble(tags | {258: ("H", (8,)), 259: ("H", (32767,)), 28688: ("H", _KNEES)}, exposure, data)


def lossy_decoded(mosaic: Mosaic) -> Mosaic:
    """What the tone curve leaves of a mosaic whose blocks are flat enough for steps of one."""
    curve = _tone_curve()
    return curve[np.searchsorted((curve[1:] + curve[:-1]) / 2, mosaic)].astype(np.uint16)


def lossless(mosaic: Mosaic, exposure: Exposure | None = None, tile: int = 64) -> bytes:
    """Lossless JPEG in more than four tiles of four colours; height and width are multiples of the tile."""
    height, width = mosaic.shape
    codes = []
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            pixels = mosaic[top : top + tile, left : left + tile]
            samples = pixels.reshape(tile // 2, 2, tile // 2, 2).swapaxes(1, 2).reshape(tile // 2, tile // 2, 4)
            codes.append(_jpeg(samples.astype(np.int64)))
    lengths = [len(code) for code in codes]
    offsets = (DATA_OFFSET + np.concatenate([[0], np.cumsum(lengths[:-1])])).tolist()
    tags = picture_tags(mosaic.shape, "RGGB", 512) | {
        258: ("H", (14,)),
        259: ("H", (7,)),
        322: ("I", (tile,)),
        323: ("I", (tile,)),
        324: ("I", tuple(offsets)),
        325: ("I", tuple(lengths)),
    }
    return assemble(tags, exposure, b"".join(codes))


FORMS = {"uncompressed": uncompressed, "lossy": lossy, "lossless": lossless}


def _tone_curve() -> NDArray[np.int64]:
    """The ADU of each of the 2048 levels (every second entry of the camera's curve)."""
    ends = [0, *(knee // 4 for knee in _KNEES), 4095]
    steps = np.concatenate([[0], *(np.full(ends[i + 1] - ends[i], 1 << i) for i in range(5))])
    return np.cumsum(steps)[::2]


def _jpeg(samples: NDArray[np.int64]) -> bytes:
    """Encode (rows, columns, 4): each difference as 4 bits of its length, then its bits."""
    before = np.empty_like(samples)
    before[:, 1:] = samples[:, :-1]
    before[1:, 0] = samples[:-1, 0]
    before[0, 0] = 1 << 13
    differences = (samples - before).ravel()
    _, lengths = np.frexp(np.abs(differences))
    values = np.where(differences < 0, differences - 1, differences) & ((1 << lengths) - 1)
    words = lengths << 14 | values << (14 - lengths)
    bits = words[:, None] >> np.arange(17, -1, -1) & 1
    used = np.arange(18) < 4 + lengths[:, None]
    code = np.packbits(bits[used].astype(np.uint8)).tobytes().replace(b"\xff", b"\xff\0")
    rows, columns, _ = samples.shape
    frame = struct.pack(">BBHHB12B", 0xC3, 14, rows, columns, 4, *(k for c in range(1, 5) for k in (c, 0x11, 0)))
    table = bytes([0xC4, 0, *(0, 0, 0, 15), *(0,) * 12, *range(15)])
    scan = bytes([0xDA, 4, *(k for c in range(1, 5) for k in (c, 0)), 1, 0, 0])
    segments = (b"\xff" + body[:1] + struct.pack(">H", len(body) + 1) + body[1:] for body in (frame, table, scan))
    return b"\xff\xd8" + b"".join(segments) + code + b"\xff\xd9"


def _pack(blocks: NDArray[np.int64]) -> NDArray[np.uint8]:
    high, low = blocks.max(axis=1), blocks.min(axis=1)
    at_high, at_low = blocks.argmax(axis=1), blocks.argmin(axis=1)
    at_low[high == low] = 1
    special = np.zeros(blocks.shape, bool)
    np.put_along_axis(special, np.stack([at_high, at_low], axis=1), True, axis=1)
    others = np.take_along_axis(blocks, np.argsort(special, axis=1, kind="stable")[:, :14], axis=1)
    shift = sum((high - low >= 0x80 << step).astype(np.int64) for step in range(4))
    deltas = (others - low[:, None]) >> shift[:, None]
    fields = [(high, 11), (low, 11), (at_high, 4), (at_low, 4), *((delta, 7) for delta in deltas.T)]
    bits = [(value[:, None] >> np.arange(width)) & 1 for value, width in fields]
    return np.packbits(np.concatenate(bits, axis=1).astype(np.uint8), axis=1, bitorder="little")
