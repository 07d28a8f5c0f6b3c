"""Which cells of the frame have lost their stars, and whether that comes in from an edge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.night.series import Usual

if TYPE_CHECKING:
    from arwatch.night.signs import Signs

_WINDOW_S = 40 * 60.0
_DIMMED = 0.65
"""Part of its usual light below which a cell is dimmed: a cell has a few stars, so its light errs by 10 %."""
_ERRORS = 4.0
"""Of a cell whose light errs more, it must be so many errors darker."""
_LEARNT = 8
"""Frames after which the cells' light is known."""
_FEWEST = 3
"""Cells that must be dimmed together: one or two lose their stars by chance, when the field moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Darkened:
    """Cells that are darker than they were."""

    cells: int
    of: int
    """Cells whose light was known before."""
    from_edge: bool
    """They hang together and with an edge, and the others are as they were."""
    edge: str
    """Which one they cover most of: `left`, `right`, `upper`, `lower` as rows are stored."""

    def sentence(self) -> str:
        """Say it."""
        return f"No stars are left in {self.cells} of {self.of} parts of the frame, from its {self.edge} edge on."


class Patches:
    """What the cells' light usually is."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._flipped = False
        self._usual: list[Usual] = []
        self._frames = Usual(_WINDOW_S, most=40)

    def take_in(self, frame: Signs) -> None:
        """Take a good frame in."""
        if frame.light_cells is None:
            return
        self._use(frame)
        self._frames.add(frame.when, 1.0)
        for usual, light in zip(self._usual, frame.light_cells, strict=True):
            if math.isfinite(light):
                usual.add(frame.when, light)

    @property
    def learnt(self) -> bool:
        """Whether enough frames were taken in since other cells of the sky are seen."""
        return len(self._frames) >= _LEARNT

    def darkened(self, frame: Signs) -> Darkened | None:
        """Find the cells that are darker than usual; None: too few to mean anything."""
        if frame.light_cells is None:
            return None
        self._use(frame)
        if not self.learnt:
            return None
        dim: set[int] = set()
        unknown: set[int] = set()
        dead = known = kept = 0
        for k, (usual, light) in enumerate(zip(self._usual, frame.light_cells, strict=True)):
            before = usual.value()
            # without a number, no star of the field should be seen there: the field has moved, or the sky is bright
            if before is None or len(usual) < 0.8 * len(self._frames) or not math.isfinite(light):
                unknown.add(k)
                continue
            known += 1
            if light < _DIMMED * before and light < before - _ERRORS * usual.jitter():
                dim.add(k)
                dead += light < 0.3 * before
            else:
                kept += light > 0.8 * before
        if len(dim) < max(_FEWEST, 0.1 * known):
            return None
        edge = _edge(dim, unknown, frame.columns, len(frame.light_cells))
        others = known - len(dim)
        sharp = 2 * dead > len(dim) and kept >= max(1, 0.7 * others)
        return Darkened(cells=len(dim), of=known, from_edge=bool(edge) and sharp, edge=edge)

    def _use(self, frame: Signs) -> None:
        """Begin anew where another field is seen; where the camera was turned upside down, turn what was learnt."""
        field = frame.field or (self._key[0] if self._key else None)
        key = field, frame.columns, len(frame.light_cells or ())
        if key != self._key:
            self._key, self._frames = key, Usual(_WINDOW_S, most=40)
            self._usual = [Usual(_WINDOW_S, most=40) for _ in frame.light_cells or ()]
        elif frame.flipped != self._flipped:
            self._usual.reverse()
        self._flipped = frame.flipped


def _edge(cells: set[int], unknown: set[int], columns: int, count: int) -> str:
    """Name the edge that the cells hang on; empty: most of them hang on none, or not together.

    Cells in which there never was a star to vanish may lie between.
    """
    last = count // columns - 1
    places = {divmod(cell, columns) for cell in cells}
    passable = places | {divmod(cell, columns) for cell in unknown}
    edges = {
        "upper": {place for place in passable if place[0] == 0},
        "lower": {place for place in passable if place[0] == last},
        "left": {place for place in passable if place[1] == 0},
        "right": {place for place in passable if place[1] == columns - 1},
    }
    lengths = {"upper": columns, "lower": columns, "left": last + 1, "right": last + 1}
    name = max(edges, key=lambda edge: len(edges[edge] & places) / lengths[edge])
    reached = set(edges[name])
    front = list(reached)
    while front:
        row, column = front.pop()
        for place in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if place in passable and place not in reached:
                reached.add(place)
                front.append(place)
    together = len(reached & places) >= 0.8 * len(places)
    return name if len(edges[name] & places) >= 2 and together else ""
