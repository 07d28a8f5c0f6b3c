"""Star fields: the reference of one pointing, which its frames are matched to and which they make better.

The reference is where the field's stars were in its first frame, and how bright they usually are. It is small, since it
travels with every frame: 12 bytes for each star.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from arwatch.stars.matching import Match, match
from arwatch.stars.model import CELLS, MOST_STARS, DamagedError
from arwatch.stars.selection import cells_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.model import StarList

FEWEST, MOST = 12, 200
"""Stars that make a field, and the most that it has."""
CLEAR, CLEARER = 0.9, 1.1
"""Transparency from which on a frame makes the reference better, and from which on the reference was a bad one."""
QUARTILE = 0.75
"""What part of the frames a star is usually fainter in than its reference."""
PATIENCE = 25.0
"""Frames over which the reference is averaged, about."""
STILL_THERE, BEYOND = 0.8, 0.1
"""Part of the field's stars that a frame shows, under which new ones are added; and how far outside of the frame, in
parts of it, a star may be that is kept."""
SCATTER = 0.02
"""By how much single stars' fluxes differ for other reasons than noise."""
EDGE = 12.0
"""Pixels: nearer to the edge a star may be cut off."""
OF_BRIGHTEST = 0.7
"""Part of the brightest star's light from which on a star that is missing may be so because it is saturated."""
_HEAD = struct.Struct("<8sIIHIdd")
_STAR = np.dtype([("x", "<f4"), ("y", "<f4"), ("rate", "<f4")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Where a frame lies in its field, and how bright the field's stars are in it."""

    dx: float
    """Pixels at the frame's middle that the stars moved in x since the field's first frame."""
    dy: float
    rotation: float
    """Degrees from +x towards +y, about the frame's middle."""
    transparency: float
    """The stars' light, part of the reference; where stars that should be seen are missing, they count as dark."""
    cells: NDArray[np.float32]
    """(6, 8) the same in each cell of the frame; NaN where there is no star."""
    match: Match
    """From the field's stars to the frame's."""

    @property
    def matched(self) -> int:
        """Stars of the field that were found again."""
        return len(self.match.pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """The reference of one pointing."""

    token: str
    """Eight letters; the same token tells the same first frame."""
    shape: tuple[int, int]
    """(ny, nx) of its frames, pixels."""
    x: NDArray[np.float32]
    """(n,) in the first frame, pixels, brightest first."""
    y: NDArray[np.float32]
    rate: NDArray[np.float32]
    """(n,) usual green light, ADU for `StarList.light` = 1."""
    frames: int = 1
    """Frames that the reference was made from."""
    fwhm_px: float = 0.0
    """Usual star size; 0: unknown."""
    variance: float = 0.0
    """Usual variance of the sky's light a second, (ADU at ISO 100)^2; 0: unknown."""

    @classmethod
    def begin(cls, stars: StarList) -> Self | None:
        """Make a field of its first frame; None where there are too few stars."""
        if len(stars) < FEWEST:
            return None
        best = stars.brightest(MOST_STARS)
        token = hashlib.sha256(best.pack()).hexdigest()[:8]
        return cls(token=token, shape=stars.shape, x=best.x, y=best.y, rate=best.flux / np.float32(stars.light))

    @property
    def places(self) -> NDArray[np.float64]:
        """(n, 2) x and y in the first frame."""
        return np.stack([self.x, self.y], 1).astype(np.float64)

    def after(self, stars: StarList, placement: Placement, *, fwhm_px: float | None, variance: float | None) -> Field:
        """Return the field with one more frame in it: a bad one changes nothing."""
        if placement.transparency < CLEAR:
            return self
        field, pairs = self, placement.match.pairs
        if placement.transparency > CLEARER:  # the frames before were bad
            field = replace(self, rate=self.rate * np.float32(placement.transparency))
        frames = min(self.frames + 1, 10_000)
        step = 1 / min(frames, PATIENCE)
        rate = field.rate.astype(np.float64)
        now = stars.flux[pairs[:, 1]] / stars.light
        rate[pairs[:, 0]] = _towards(rate[pairs[:, 0]], now, step, QUARTILE)
        field = replace(
            field,
            rate=rate.astype(np.float32),
            frames=frames,
            fwhm_px=_towards_one(self.fwhm_px, fwhm_px, step, 1 - QUARTILE),
            variance=_towards_one(self.variance, variance, step, 1 - QUARTILE),
        )
        return field.with_more(stars, placement)

    def with_more(self, stars: StarList, placement: Placement) -> Field:
        """Add stars that the first frame does not show, as the pointing drifts, in the place of those that left."""
        found, pairs = placement.match, placement.match.pairs
        if placement.matched > STILL_THERE * len(self.x):
            return self
        there, size = found.of(self.places), np.array(self.shape[::-1])
        near = ((there > -size * BEYOND) & (there < size * (1 + BEYOND))).all(1)
        new = np.setdiff1d(np.arange(min(len(stars), MOST_STARS)), pairs[:, 1])[: max(MOST - int(near.sum()), 0)]
        places = (stars.places[new] - found.middle - found.move) @ found.turn + found.middle
        rate = np.append(self.rate[near], stars.flux[new] / stars.light / placement.transparency)
        order = np.argsort(-rate, kind="stable")
        x, y = np.concatenate([self.places[near], places])[order].T.astype(np.float32)
        return replace(self, x=x, y=y, rate=rate[order].astype(np.float32))

    def pack(self) -> bytes:
        """Write as bytes; several fields one after the other are read by `unpack_all`."""
        table = np.empty(len(self.x), _STAR)
        for name in _STAR.names or ():
            table[name] = getattr(self, name)
        head = self.token.encode(), *self.shape, len(table), self.frames, self.fwhm_px, self.variance
        return _HEAD.pack(*head) + table.tobytes()

    @classmethod
    def unpack_all(cls, packed: bytes) -> list[Self]:
        """Read one or more packed fields; raises `DamagedError`."""
        out, begin = [], 0
        try:
            while begin < len(packed):
                token, ny, nx, count, frames, fwhm, variance = _HEAD.unpack_from(packed, begin)
                table = np.frombuffer(packed, _STAR, count, begin + _HEAD.size)
                columns = {name: table[name].copy() for name in _STAR.names or ()}
                out.append(cls(token=token.decode("ascii"), shape=(ny, nx), frames=frames, fwhm_px=fwhm,
                               variance=variance, **columns))  # fmt: skip
                begin += _HEAD.size + count * _STAR.itemsize
        except (struct.error, ValueError) as error:
            raise DamagedError(f"these bytes are no star fields: {error}") from error
        if not all(np.isfinite(column).all() for field in out for column in (field.x, field.y, field.rate)):
            raise DamagedError("these bytes are no star fields: places that are no numbers")
        return out


def place(stars: StarList, field: Field) -> Placement | None:
    """Find a frame's stars in a field; None where they are none of it.

    Stars within 400 pixels of where they were are found, turned by up to 5 degrees, also after a meridian flip.
    """
    if stars.shape != field.shape:
        return None
    ny, nx = field.shape
    found = match(field.places, stars.places, ((nx - 1) / 2, (ny - 1) / 2), float(ny * nx))
    if found is None:
        return None
    transparency, cells = _light(stars, field, found)
    dx, dy = (float(move) for move in found.move)
    return Placement(dx=dx, dy=dy, rotation=found.degrees, transparency=transparency, cells=cells, match=found)


def _light(stars: StarList, field: Field, found: Match) -> tuple[float, NDArray[np.float32]]:
    """Measure the transparency of the frame and of its cells."""
    known, seen = found.pairs.T
    rate = field.rate.astype(np.float64) * stars.light
    part, weight = stars.flux[seen] / rate[known], _weight(rate[known], stars.limit)
    first = weighted_median(part, weight)
    # the field's stars that should be seen and are not
    there = found.of(field.places)
    expected = rate * first
    inside = ((there > EDGE) & (there < np.array(field.shape[::-1]) - 1 - EDGE)).all(1)
    missing = inside & (expected > 2 * stars.limit) & (expected < OF_BRIGHTEST * stars.flux[seen].max())
    missing[known] = False
    part = np.append(part, np.zeros(missing.sum()))
    weight = np.append(weight, _weight(rate[missing], stars.limit))
    x, y = np.concatenate([there[known], there[missing]]).T
    cell = cells_of(x, y, field.shape)
    cells = np.full(CELLS[0] * CELLS[1], np.nan, np.float32)
    for k in np.unique(cell):
        cells[k] = weighted_median(part[cell == k], weight[cell == k])
    return weighted_median(part, weight), cells.reshape(CELLS)


def _weight(light: NDArray[Any], limit: float) -> NDArray[np.float64]:
    """Weigh stars by the variance of their relative light; `limit` is about ten deviations of a faint one's."""
    return np.asarray(1 / (SCATTER**2 + (0.3 * limit / np.maximum(light, 1e-9)) ** 2))


def weighted_median(values: NDArray[Any], weight: NDArray[Any]) -> float:
    """Return the value that half of the weight lies below."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weight[order])
    middle = (sums - weight[order] / 2) / sums[-1]
    return float(np.interp(0.5, middle, values[order]))


def _towards(old: NDArray[np.float64], new: NDArray[Any], step: float, part: float) -> NDArray[np.float64]:
    """Move old values towards new ones, so that in the end such a part of the new ones lies below them."""
    up = np.minimum(new, old * (1 + step * part))
    down = np.maximum(new, old * (1 - step * (1 - part)))
    return np.asarray(np.where(new > old, up, down))


def _towards_one(old: float, new: float | None, step: float, part: float) -> float:
    if new is None:
        return old
    return float(_towards(np.array([old]), np.array([new]), step, part)[0]) if old > 0 else new
