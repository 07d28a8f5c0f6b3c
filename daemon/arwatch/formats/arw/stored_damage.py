"""Find in the stored bytes what a broken copy leaves in a file of full length: holes of zeros and repeated pieces.

LibRaw decodes such files and reports no error. The noise of a sensor never repeats, so a repeated piece is
damage. Clipped highlights, constant darks, and zeros where the black level is 0 do come from sensors, and are
accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from arwatch.errors import DamagedError, IncompleteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from arwatch.formats.arw.tables import RawImage

    Ints: TypeAlias = NDArray[np.int64]

_UNCOMPRESSED, _SONY = 1, 32767
LOSSLESS = (6, 7)
"""TIFF compression codes of lossless JPEG."""

_READ = 1 << 20  # bytes read at once; a multiple of all the lengths below
_STRIDE = 1024  # bytes of a block; a hole of 4 kB, wherever it lies, empties at least two in a row
_SPACING = 128  # mean distance of anchors in bytes: about thirty in 4 kB
_LAG = 96  # bytes: constant pixels repeat after so many in every storage form, whose periods all divide it
_ANCHORS = 3  # so many must repeat at one distance before the bytes themselves are compared
_REPEAT = 1024  # bytes of a repeated piece that is damage
_REACH = 64 * 1024  # bytes compared on both sides of a place
_TABLES = 128  # bytes of tables before a lossless piece's code, at least
_VARIED_BYTES = 96  # a repeated piece is noise, not constant pixels, if so many bytes differ from those a period before

ADVICE = "copy the file again from the card"
"""What to do with a damaged file, for messages."""


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
        Indices of lossless pieces that hold either damage or constant pixels: see `decoded_damage.check_lossless`.

    Raises
    ------
    DamagedError
        A hole of 2 kB or more, or a repeated piece of 4 kB or more.
    """
    suspects: set[int] = set()
    found = _scan(file, raw)
    for start, stop in found.zeros:
        if raw.compression in LOSSLESS:
            suspects |= _pieces(raw, start, stop)
        elif raw.compression == _SONY or _edge_is_sharp(file, raw, start, stop):
            raise DamagedError(f"{stop - start} bytes inside the picture were never written: {ADVICE}")
    for start, distance in _repeats(found.places, found.hashes):
        length = _repeated(file, raw, start, distance)
        if length < _REPEAT:
            continue
        both = _pieces(raw, start, start + 1) | _pieces(raw, start + distance, start + distance + 1)
        if raw.used_height < raw.height and len(both) == 1 and raw.compression in LOSSLESS:
            suspects |= (
                both  # rows below the picture, with which cameras fill the last tiles, may be copies of its last row
            )
        else:
            raise DamagedError(f"{length} bytes of the picture are a copy of another part of it: {ADVICE}")
    return suspects


class _Scan(NamedTuple):
    """What one pass over the stored picture has found. Places are offsets in the file, bytes."""

    zeros: list[tuple[int, int]]
    """Beginning and end of each stretch of zeros."""
    places: Ints
    """(n,): where the anchors are; see `_anchors`."""
    hashes: NDArray[np.uint64]
    """(n,): hash of the bytes at each anchor."""


def _scan(file: BinaryIO, raw: RawImage) -> _Scan:
    """Search the stored picture for stretches of zeros and for anchors."""
    lossy = raw.compression == _SONY and raw.pieces[0][1] == raw.width * raw.height
    # where a pixel takes two bytes or a block sixteen, a copy at an odd distance is nonsense, not the same picture
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
            anchors, values = _anchors(data, phase, phases)
            places.append(offset + anchors)
            hashes.append(values)
    return _Scan(
        zeros=list(_stretches(np.concatenate(empty))),
        places=np.concatenate(places),
        hashes=np.concatenate(hashes),
    )


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
            yield offset, read_exactly(file, offset, min(_READ, stop - offset))


def read_exactly(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read exactly so many bytes."""
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise IncompleteError("the file became shorter while it was read: copy it again")
    return data


def _anchors(data: bytes, phase: int, phases: int) -> tuple[Ints, NDArray[np.uint64]]:
    """Choose about one place in `_SPACING` by the 16 bytes there; return these places and hashes of 32 bytes there.

    Because the bytes alone decide, a copy of a piece has the same anchors as the piece. Only places at a
    distance of `phase` (0 or 1) from even ones are looked at, of `phases` such sets.
    """
    if len(data) < 4 * _LAG:
        return np.empty(0, np.int64), np.empty(0, np.uint64)
    words = np.frombuffer(data, np.uint16, (len(data) - phase) // 2, phase)
    pairs = words[:-1] * np.uint16(0x9E37)
    pairs += words[1:]
    fours = pairs[:-2] * np.uint16(0x85EB)
    fours += pairs[2:]
    eights = fours[:-4] * np.uint16(0xA2B5)
    eights += fours[4:]
    eights ^= eights >> np.uint16(7)  # where few values occur, so do few sums: these two steps spread them evenly
    eights *= np.uint16(0x2C1B)
    at = np.flatnonzero(eights[: 4 - _LAG // 2] < 2**16 * 2 // (phases * _SPACING))
    at = at[fours[at] != fours[at + _LAG // 2]]  # constant pixels are equal after each period
    if len(at) > 16 * len(data) // (phases * _SPACING):
        at = at[:0]  # with hardly any noise, sound pictures repeat too
    hashes = np.zeros(len(at), np.uint64)
    for step in range(0, 16, 4):
        hashes = hashes << np.uint64(16) | fours[at + step]
    return 2 * at + phase, hashes


def _check_blocks(data: bytes) -> None:
    """Refuse lossy blocks (16 bytes, beginning with 11 bits of maximum and 11 of minimum) with maximum < minimum."""
    first = np.frombuffer(data, "<u4", len(data) // 4)[: len(data) // 16 * 4 : 4]
    if np.any((first & 0x7FF) < (first >> np.uint32(11) & 0x7FF)):
        raise DamagedError(f"the picture holds bytes that no camera wrote: {ADVICE}")


def _stretches(blocks: Ints) -> Iterator[tuple[int, int]]:
    """Join the offsets of adjacent empty blocks; yield (start, stop) of stretches of two blocks or more."""
    for group in np.split(blocks, np.flatnonzero(np.diff(blocks) != _STRIDE) + 1):
        if len(group) >= 2:
            yield int(group[0]), int(group[-1]) + _STRIDE


def _pieces(raw: RawImage, start: int, stop: int) -> set[int]:
    """Return the indices of the pieces that hold any of these bytes."""
    return {k for k, (offset, length) in enumerate(raw.pieces) if offset < stop and start < offset + length}


def _edge_is_sharp(file: BinaryIO, raw: RawImage, start: int, stop: int) -> bool:
    """Tell whether a stretch of zeros begins or ends suddenly, as a hole does.

    Where a dark sky is clipped at 0, zeros are frequent around the stretch too: fewer than half of the groups
    of 8 bytes beside it hold anything else.
    """
    first, last = min(raw.pieces)[0], raw.end
    reach = min(2 * _STRIDE, start - first)
    before = np.frombuffer(read_exactly(file, start - reach, reach), np.uint8)
    after = np.frombuffer(read_exactly(file, stop, min(2 * _STRIDE, last - stop)), np.uint8)
    sides = []
    for side in (before[::-1], after):
        noise = side[np.argmax(side != 0) :][:256] if np.any(side) else side[:0]
        if len(noise) >= 64:
            words = noise[: len(noise) // 8 * 8].reshape(-1, 8)
            sides.append(float(np.mean(words.any(axis=1))))
    return not sides or max(sides) > 0.5


def _repeats(places: Ints, hashes: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield (place, distance) of up to 16 probable copies: those with the most anchors repeated at one distance."""
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
    """Return how many bytes around `start` are repeated `distance` bytes later; 0 if they may be constant pixels."""
    low, high = min(raw.pieces)[0], raw.end - distance
    if raw.compression in LOSSLESS:  # each piece begins with the same tables
        piece = raw.pieces[min(_pieces(raw, start, start + 1))]
        low, high = piece[0] + _TABLES, min(high, sum(piece))
    low, high = max(low, start - _REACH), min(high, start + _REACH)
    if not low <= start < high:
        return 0
    one = np.frombuffer(read_exactly(file, low, high - low), np.uint8)
    differ = np.flatnonzero(one != np.frombuffer(read_exactly(file, low + distance, high - low), np.uint8))
    at = np.searchsorted(differ, start - low)
    first = int(differ[at - 1]) + 1 if at else 0
    last = int(differ[at]) if at < len(differ) else len(one)
    same = one[first:last]
    two_rows = 2 * (raw.end - min(raw.pieces)[0]) // raw.height
    lags = [lag for lag in (_LAG, two_rows) if 2 * lag <= len(same)]
    varied = min((int(np.count_nonzero(same[lag:] != same[:-lag])) for lag in lags), default=0)
    return last - first if varied >= _VARIED_BYTES else 0
