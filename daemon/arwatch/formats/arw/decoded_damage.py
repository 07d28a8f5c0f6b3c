"""Find damage in the decoded pixels: lossless pieces that end too early or too late, empty rows, repeated rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from arwatch.errors import DamagedError
from arwatch.formats.arw import ljpeg
from arwatch.formats.arw.stored_damage import ADVICE, read_exactly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.formats.arw.tables import RawImage

_VARIED_PIXELS = 64  # a repeated row is noise if so many of its pixels differ from their neighbours


def check_lossless(file: BinaryIO, raw: RawImage, pixels: NDArray[np.uint16], suspects: set[int]) -> None:
    """Refuse lossless pieces that did not need all their bytes to be decoded.

    The decoder takes a hole of zeros for a run of equal pixels, and after other damage its tile is complete
    before or after the piece's end. If more than half of the pieces do not end with their tile, the camera's
    encoder is assumed to leave other bytes there, and only `suspects` are refused.

    Parameters
    ----------
    file
        The file, open for reading; its position is changed.
    raw
        Its raw picture.
    pixels
        (raw height, raw width): all that was decoded, margins included.
    suspects
        Indices of pieces, from `check_stored`, which must be exact.

    Raises
    ------
    DamagedError
        One of them is damaged.
    """
    across, down = -(-raw.width // max(raw.tile_width, 1)), -(-raw.height // max(raw.tile_height, 1))
    if len(raw.pieces) != across * down:
        raise DamagedError(f"the header's size and its table of tiles do not agree: {ADVICE}")
    exact: dict[int, bool | None] = {}
    for index, (offset, length) in enumerate(raw.pieces):
        top, left = index // across * raw.tile_height, index % across * raw.tile_width
        tile = pixels[top : top + raw.tile_height, left : left + raw.tile_width]
        data = read_exactly(file, offset, length)
        if not data.startswith(ljpeg.START):  # the decoder stops there and reports no error
            raise DamagedError(f"a part of the picture was overwritten or never written: {ADVICE}")
        exact[index] = ljpeg.is_exact(data, tile)
    wrong = [index for index, verdict in exact.items() if verdict is False]
    if any(not exact[index] for index in suspects) or 0 < 2 * len(wrong) <= len(exact):
        raise DamagedError(f"a part of the picture was overwritten or never written: {ADVICE}")


def check_rows(mosaic: NDArray[np.uint16]) -> None:
    """Refuse rows of zeros, and rows repeated one or two rows later, which LibRaw makes of data that is cut off.

    Parameters
    ----------
    mosaic
        (ny, nx) in ADU, without the rows below the picture with which cameras fill the last tiles.

    Raises
    ------
    DamagedError
        A row is empty or repeated; the message names it.
    """
    ny, nx = mosaic.shape
    middle = mosaic[:, nx // 2 : nx // 2 + 64]
    empty = [row for row in np.flatnonzero(~middle.any(axis=1)) if not mosaic[row].any()]
    # where the black level is 0 a row of a dark sky may be all 0, but not beside a row of which most pixels are not
    lit = [
        row
        for row in empty
        for near in (row - 1, row + 1)
        if 0 <= near < ny and np.count_nonzero(mosaic[near]) > nx // 2
    ]
    if lit or 0 < len(empty) == ny:
        raise DamagedError(f"row {(lit or empty)[0]} of the picture holds no data: {ADVICE}")
    for step in (1, 2):
        for row in np.flatnonzero((middle[step:] == middle[:-step]).all(axis=1)):
            line = mosaic[row]
            varied = np.count_nonzero(line[12:] != line[:-12]) >= min(_VARIED_PIXELS, nx // 2)
            if varied and np.array_equal(line, mosaic[row + step]):
                raise DamagedError(f"row {row + step} of the picture repeats row {row}: {ADVICE}")
