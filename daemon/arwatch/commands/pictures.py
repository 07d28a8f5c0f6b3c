"""Pictures for people: a mosaic as a small colour PNG, stretched so that faint sky shows."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDEST = 760
"""Pixels a picture is at most wide."""


def side_by_side(
    before: NDArray[np.generic], after: NDArray[np.generic], colors: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Give (rows, columns, 3): two mosaics of the same frame, left and right, each from its own black to white.

    Both are stretched by the same span of ADU, so that what looks flat is flat.
    """
    left, right = (_binned(mosaic, colors) for mosaic in (before, after))
    noise = float(np.percentile(right, 84) - np.percentile(right, 16)) / 2
    span = max(40 * noise, float(np.percentile(left, 99) - np.percentile(left, 1)))
    gap = np.full((left.shape[0], 8, 3), 255, np.uint8)
    return np.hstack([_stretched(left, span), gap, _stretched(right, span)])


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write (rows, columns, 3) bytes as PNG (ISO/IEC 15948: one IDAT, no filtering)."""
    rows, columns, _ = picture.shape
    lines = np.zeros((rows, 1 + 3 * columns), np.uint8)
    lines[:, 1:] = picture.reshape(rows, -1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def _binned(mosaic: NDArray[np.generic], colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean of each band over blocks of whole periods: half a picture wide at most."""
    py, px = colors.shape
    step = max(1, -(-mosaic.shape[1] // px // (WIDEST // 2)))
    rows, columns = mosaic.shape[0] // (py * step), mosaic.shape[1] // (px * step)
    blocks = mosaic[: rows * py * step, : columns * px * step].astype(np.float64)
    blocks = blocks.reshape(rows, step, py, columns, step, px).mean(axis=(1, 4))
    bands = [colors == 0, (colors == 1) | (colors == 3), colors == 2]
    return np.stack([blocks.transpose(0, 2, 1, 3)[:, :, band].mean(axis=2) for band in bands], axis=-1)


def _stretched(picture: NDArray[np.float64], span: float) -> NDArray[np.uint8]:
    low = np.percentile(picture, 0.5, axis=(0, 1)) - 0.05 * span
    scaled = np.clip((picture - low) / span, 0.0, 1.0)
    return np.asarray(255 * np.arcsinh(6 * scaled) / np.arcsinh(6), np.uint8)
