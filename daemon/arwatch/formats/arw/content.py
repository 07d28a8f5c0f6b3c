"""Find the holes and the repeated pieces that a broken copy leaves in a file of full length.

LibRaw decodes both without a word. What is looked for cannot come from a sensor, whose noise never repeats;
what can (clipped highlights, constant darks, zeros where the black level is 0) is let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np

from arwatch.errors import DamagedError, IncompleteError
from arwatch.formats.arw import ljpeg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from arwatch.formats.arw.tables import RawImage

    Ints: TypeAlias = NDArray[np.int64]

_UNCOMPRESSED, _SONY = 1, 32767
LOSSLESS = (6, 7)
"""TIFF compression codes of lossless JPEG."""

_READ = 1 << 20  # bytes at once; a multiple of all the strides below
_STRIDE = 1024  # bytes of a block; a hole of 4 kB, wherever it lies, empties at least two in a row
_SPACING = 128  # mean distance of anchors in bytes: about thirty in 4 kB
_LAG = 96  # a multiple of all the periods that constant pixels have, in every storage form
_ANCHORS = 3  # that repeat at one distance before the bytes themselves are compared
_REPEAT = 1024  # bytes
_REACH = 64 * 1024  # bytes compared on both sides of a place
_TABLES = 128  # bytes before a lossless piece's code, at least
_DEEP = 96  # bytes of a repeated piece that differ from what lies a period before: that many are no chance
_DEEP_ROW = 64  # pixels of a row that differ from their neighbours before its repetition is no chance

_CURE = "copy the file again from the card"


def check_stored(file: BinaryIO, raw: RawImage) -> set[int]:
    """Search the stored bytes of the picture for holes of zeros and repeated pieces.

    Parameters
    ----------
    file
        The file, open for reading; its position is changed.
    raw
        Its raw picture. All its pieces lie inside the file.

    Returns
    -------
    set of int
        Indices of lossless pieces that hold either damage or constant pixels: see `check_lossless`.

    Raises
    ------
    DamagedError
        A hole of 2 kB or more, or a repeated piece of 4 kB or more.
    """
    suspects: set[int] = set()
    scan = _Scan(file, raw)
    for start, stop in scan.zeros:
        if raw.compression in LOSSLESS:
            suspects |= _pieces(raw, start, stop)
        elif raw.compression == _SONY or _edge_is_sharp(file, raw, start, stop):
            raise DamagedError(f"{stop - start} bytes inside the picture were never written: {_CURE}")
    for start, distance in _repeats(scan.places, scan.hashes):
        length = _repeated(file, raw, start, distance)
        if length < _REPEAT:
            continue
        both = _pieces(raw, start, start + 1) | _pieces(raw, start + distance, start + distance + 1)
        if raw.used_height < raw.height and len(both) == 1 and raw.compression in LOSSLESS:
            suspects |= both  # below the picture proper the camera fills the tile with copies of the last row
        else:
            raise DamagedError(f"{length} bytes of the picture are a copy of another part of it: {_CURE}")
    return suspects


class _Scan:
    """One pass over the stored picture: stretches of `zeros`, and the anchors' `places` and `hashes`."""

    def __init__(self, file: BinaryIO, raw: RawImage) -> None:
        lossy = raw.compression == _SONY and raw.pieces[0][1] == raw.width * raw.height
        # pixels of two bytes and blocks of sixteen are copied whole, or what follows makes no sense
        phases = 1 if lossy or (raw.compression == _UNCOMPRESSED and raw.bits in (14, 16)) else 2
        empty: list[Ints] = []
        places: list[Ints] = []
        hashes: list[NDArray[np.uint64]] = []
        for offset, data in _chunks(file, raw):
            blocks = np.frombuffer(data, np.uint64, len(data) // _STRIDE * (_STRIDE // 8)).reshape(-1, _STRIDE // 8)
            at = np.flatnonzero(blocks[:, 0] == 0)
            empty.append(offset + _STRIDE * at[~blocks[at].any(axis=1)])
            if lossy:
                _check_blocks(data)
            for phase in range(phases):
                found, values = _anchors(data, phase, phases)
                places.append(offset + found)
                hashes.append(values)
        self.places = np.concatenate(places)
        self.hashes = np.concatenate(hashes)
        self.zeros = list(_stretches(np.concatenate(empty)))


def _chunks(file: BinaryIO, raw: RawImage) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the stored picture; pieces that touch are read as one."""
    spans: list[list[int]] = []
    for offset, length in sorted(raw.pieces):
        if spans and offset <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], offset + length)
        else:
            spans.append([offset, offset + length])
    for start, stop in spans:
        for offset in range(start, stop, _READ):
            yield offset, _bytes(file, offset, min(_READ, stop - offset))


def _bytes(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise IncompleteError("the file became shorter while it was read: copy it again")
    return data


def _anchors(data: bytes, phase: int, phases: int) -> tuple[Ints, NDArray[np.uint64]]:
    """Find the places that their next 16 bytes choose, so that a copy has the same ones; hash their next 32 bytes."""
    if len(data) < 4 * _LAG:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    words = np.frombuffer(data, np.uint16, (len(data) - phase) // 2, phase)
    pairs = words[:-1] * np.uint16(0x9E37)
    pairs += words[1:]
    fours = pairs[:-2] * np.uint16(0x85EB)
    fours += pairs[2:]
    eights = fours[:-4] * np.uint16(0xA2B5)
    eights += fours[4:]
    eights ^= eights >> np.uint16(7)  # sums of few values lie in clusters: these two steps scatter them
    eights *= np.uint16(0x2C1B)
    at = np.flatnonzero(eights[: 4 - _LAG // 2] < 2**16 * 2 // (phases * _SPACING))
    at = at[fours[at] != fours[at + _LAG // 2]]  # constant pixels repeat everywhere
    if len(at) > 16 * len(data) // (phases * _SPACING):
        at = at[:0]  # hardly any noise: repetition proves nothing
    hashes = np.zeros(len(at), np.uint64)
    for step in range(0, 16, 4):
        hashes = hashes << np.uint64(16) | fours[at + step]
    return 2 * at + phase, hashes


def _check_blocks(data: bytes) -> None:
    """Refuse lossy blocks, which begin with 11 bits of maximum and 11 of minimum, where they are reversed."""
    first = np.frombuffer(data, "<u4", len(data) // 4)[: len(data) // 16 * 4 : 4]
    if np.any((first & 0x7FF) < (first >> np.uint32(11) & 0x7FF)):
        raise DamagedError(f"the picture holds bytes that no camera wrote: {_CURE}")


def _stretches(blocks: Ints) -> Iterator[tuple[int, int]]:
    """Join the offsets of empty blocks to stretches of two or more."""
    for group in np.split(blocks, np.flatnonzero(np.diff(blocks) != _STRIDE) + 1):
        if len(group) >= 2:
            yield int(group[0]), int(group[-1]) + _STRIDE


def _pieces(raw: RawImage, start: int, stop: int) -> set[int]:
    return {k for k, (offset, length) in enumerate(raw.pieces) if offset < stop and start < offset + length}


def _edge_is_sharp(file: BinaryIO, raw: RawImage, start: int, stop: int) -> bool:
    """Tell whether zeros begin or end suddenly; where a dark sky is clipped at 0 they thin out."""
    first, last = min(raw.pieces)[0], raw.end
    reach = min(2 * _STRIDE, start - first)
    before = np.frombuffer(_bytes(file, start - reach, reach), np.uint8)
    after = np.frombuffer(_bytes(file, stop, min(2 * _STRIDE, last - stop)), np.uint8)
    sides = []
    for side in (before[::-1], after):
        noise = side[np.argmax(side != 0) :][:256] if np.any(side) else side[:0]
        if len(noise) >= 64:
            words = noise[: len(noise) // 8 * 8].reshape(-1, 8)
            sides.append(float(np.mean(words.any(axis=1))))
    return not sides or max(sides) > 0.5


def _repeats(places: Ints, hashes: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield (place, distance) of the likeliest copies: several anchors that occur again at one distance."""
    ordered = np.sort(hashes)
    again = np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]])
    places, hashes = places[again], hashes[again]
    order = np.lexsort((places, hashes))
    same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    starts = places[order[same]]
    distances = places[order[same + 1]] - starts
    values, firsts, counts = np.unique(distances, return_index=True, return_counts=True)
    for best in np.argsort(-counts, kind="stable")[:16]:
        if counts[best] >= _ANCHORS:
            yield int(starts[firsts[best]]), int(values[best])


def _repeated(file: BinaryIO, raw: RawImage, start: int, distance: int) -> int:
    """Length of the copy around two equal places, 0 if it is simple enough to be constant pixels."""
    low, high = min(raw.pieces)[0], raw.end - distance
    if raw.compression in LOSSLESS:  # each piece begins with the same tables
        piece = raw.pieces[min(_pieces(raw, start, start + 1))]
        low, high = piece[0] + _TABLES, min(high, sum(piece))
    low, high = max(low, start - _REACH), min(high, start + _REACH)
    if not low <= start < high:
        return 0
    one = np.frombuffer(_bytes(file, low, high - low), np.uint8)
    differ = np.flatnonzero(one != np.frombuffer(_bytes(file, low + distance, high - low), np.uint8))
    at = np.searchsorted(differ, start - low)
    first = int(differ[at - 1]) + 1 if at else 0
    last = int(differ[at]) if at < len(differ) else len(one)
    same = one[first:last]
    two_rows = 2 * (raw.end - min(raw.pieces)[0]) // raw.height
    lags = [lag for lag in (_LAG, two_rows) if 2 * lag <= len(same)]
    deep = min((int(np.count_nonzero(same[lag:] != same[:-lag])) for lag in lags), default=0)
    return last - first if deep >= _DEEP else 0


def check_lossless(file: BinaryIO, raw: RawImage, pixels: NDArray[np.uint16], suspects: set[int]) -> None:
    """Refuse lossless pieces that did not need all their bytes to be decoded.

    A hole of zeros is a run of equal pixels for the decoder, and after other damage it has its tile full too
    early or too late. Where most pieces seem so, it is the way of an encoder that is not known here.

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
        raise DamagedError(f"the header's size and its table of tiles do not agree: {_CURE}")
    exact: dict[int, bool | None] = {}
    for index, (offset, length) in enumerate(raw.pieces):
        top, left = index // across * raw.tile_height, index % across * raw.tile_width
        tile = pixels[top : top + raw.tile_height, left : left + raw.tile_width]
        data = _bytes(file, offset, length)
        if not data.startswith(ljpeg.START):  # the decoder stops there without a word
            raise DamagedError(f"a part of the picture was overwritten or never written: {_CURE}")
        exact[index] = ljpeg.is_exact(data, tile)
    wrong = [index for index, verdict in exact.items() if verdict is False]
    if any(not exact[index] for index in suspects) or 0 < 2 * len(wrong) <= len(exact):
        raise DamagedError(f"a part of the picture was overwritten or never written: {_CURE}")


def check_rows(mosaic: NDArray[np.uint16]) -> None:
    """Refuse rows of zeros and rows repeated one or two rows later, such as cut-off data leaves behind.

    Parameters
    ----------
    mosaic
        (ny, nx) in ADU, without rows that the camera only fills up.

    Raises
    ------
    DamagedError
        Naming the rows.
    """
    ny, nx = mosaic.shape
    middle = mosaic[:, nx // 2 : nx // 2 + 64]
    empty = [row for row in np.flatnonzero(~middle.any(axis=1)) if not mosaic[row].any()]
    # where the black level is 0 a dark sky may well be 0, but not with its neighbours full of light
    lit = [
        row
        for row in empty
        for near in (row - 1, row + 1)
        if 0 <= near < ny and np.count_nonzero(mosaic[near]) > nx // 2
    ]
    if lit or 0 < len(empty) == ny:
        raise DamagedError(f"row {(lit or empty)[0]} of the picture holds no data: {_CURE}")
    for step in (1, 2):
        for row in np.flatnonzero((middle[step:] == middle[:-step]).all(axis=1)):
            line = mosaic[row]
            varied = np.count_nonzero(line[12:] != line[:-12]) >= min(_DEEP_ROW, nx // 2)
            if varied and np.array_equal(line, mosaic[row + step]):
                raise DamagedError(f"row {row + step} of the picture repeats row {row}: {_CURE}")
