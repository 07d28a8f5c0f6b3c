"""Two lists of the same stars: which is which, and how the field has moved and turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import gammainc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

BRIGHTEST = 45
"""Stars of each list whose distances are compared."""
LEAST_DISTANCE, ALIKE = 60.0, 1.5
"""Pixels: between two stars at least, and how much two distances may differ."""
LARGEST_TURN = 5.5
"""Degrees, from none or from 180, which is a meridian flip."""
TURN_STEP, MOVE_STEP = 0.25, 24.0
"""Degrees and pixels: what counts as the same turn and move while pairs vote."""
TRIES = 12
"""Moves with the most votes that are tried."""
NEAR, NEAREST = 12.0, 3.0
"""Pixels in which a star is looked for: at first, and in the end."""
CHANCE = 1e-7
"""How likely a match by chance may be."""
ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Match:
    """How one list lies on another: a point p of the first one is at turn @ (p - middle) + middle + move there."""

    turn: NDArray[np.float64]
    """(2, 2)."""
    move: NDArray[np.float64]
    """(2,), pixels."""
    middle: NDArray[np.float64]
    """(2,), pixels: what the turn is about."""
    pairs: NDArray[np.intp]
    """(k, 2): indices in the first and the second list."""

    @property
    def degrees(self) -> float:
        """The turn from +x towards +y, -180 to 180."""
        return float(np.degrees(np.arctan2(self.turn[1, 0], self.turn[0, 0])))

    def of(self, points: Points) -> Points:
        """Carry points (n, 2) over."""
        return np.asarray((points - self.middle) @ self.turn.T + self.middle + self.move)


def match(first: Points, second: Points, middle: tuple[float, float], area: float) -> Match | None:
    """Find the move and turn by which most stars of two lists fall together; None where that could be chance.

    Parameters
    ----------
    first, second
        (n, 2) and (m, 2): x, y in pixels, brightest first.
    middle
        x, y of the frame's middle.
    area
        Of the frame, pixels^2.

    Notes
    -----
    Pairs of stars with the same distance in both lists, but for noise, tell a turn, and with it a move. Right ones
    agree with each other. Then a similarity (Umeyama 1991) is fitted to all stars that are near each other.
    """
    if min(len(first), len(second)) < 3:
        return None
    about = np.array(middle, np.float64)
    turns, moves = _votes(first[:BRIGHTEST] - about, second[:BRIGHTEST] - about)
    best: Match | None = None
    tree = cKDTree(second)
    for angle, move in _most_voted(turns, moves):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found = _refined(first, second, tree, Match(turn=turn, move=move, middle=about, pairs=np.zeros((0, 2), int)))
        if found is not None and (best is None or len(found.pairs) > len(best.pairs)):
            best = found
    if best is None or len(best.pairs) < fewest(len(first), len(second), area):
        return None
    return best


def fewest(first: int, second: int, area: float) -> int:
    """Return how many stars must fall together so that it is no chance."""
    expected = first * second * np.pi * NEAREST**2 / max(area, 1.0)  # by chance, for one move and turn
    counts = np.arange(3, 200)
    chance = float(first * second) ** 2 * gammainc(counts, expected)  # of so many or more (Poisson), in all tries
    return max(int(counts[np.argmax(chance < CHANCE)]), 5)


def _votes(first: Points, second: Points) -> tuple[NDArray[np.float64], Points]:
    """Return the turn (radians) and the move (pixels) that each two pairs of stars with the same distance tell."""
    one, other = _distances(first), _distances(second)
    low = np.searchsorted(other[0], one[0] - ALIKE)
    high = np.searchsorted(other[0], one[0] + ALIKE)
    count = high - low
    i = np.repeat(np.arange(len(count)), count)
    j = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low, count)
    turns, moves = [], []
    for back in (0.0, np.pi):  # which star of the second pair is the first one's
        turn = (other[1][j] + back - one[1][i] + np.pi) % (2 * np.pi) - np.pi
        right = np.minimum(np.abs(turn), np.pi - np.abs(turn)) < np.radians(LARGEST_TURN)
        t, a, b = turn[right], i[right], j[right]
        c, s = np.cos(t), np.sin(t)
        center = (first[one[2][a]] + first[one[3][a]]) / 2
        turned = np.stack([c * center[:, 0] - s * center[:, 1], s * center[:, 0] + c * center[:, 1]], 1)
        turns.append(t)
        moves.append((second[other[2][b]] + second[other[3][b]]) / 2 - turned)
    return np.concatenate(turns), np.concatenate(moves)


def _distances(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return, by length, the distances of all pairs, their directions in radians, and both stars' indices."""
    one, other = np.triu_indices(len(points), 1)
    away = points[other] - points[one]
    length = np.hypot(*away.T)
    order = np.argsort(length, kind="stable")
    order = order[length[order] > LEAST_DISTANCE]
    return length[order], np.arctan2(away[order, 1], away[order, 0]), one[order], other[order]


def _most_voted(turns: NDArray[np.float64], moves: Points) -> list[tuple[float, Points]]:
    """Return turns and moves that many pairs agree on, most votes first."""
    if len(turns) == 0:
        return []
    steps = np.column_stack([turns / np.radians(TURN_STEP), moves / MOVE_STEP])
    tree = cKDTree(steps)
    bins, counts = np.unique(np.floor(steps).astype(np.int64), axis=0, return_counts=True)
    out = []
    for k in np.argsort(-counts, kind="stable")[:TRIES]:
        near = tree.query_ball_point(bins[k] + 0.5, 1.0)
        if near:
            out.append((float(np.median(turns[near])), np.median(moves[near], axis=0)))
    return out


def _refined(first: Points, second: Points, tree: cKDTree, start: Match) -> Match | None:
    """Fit a similarity to the stars that are near each other, and again to those that then are."""
    now = start
    for k in range(ROUNDS):
        reach = NEAR if k == 0 else NEAREST
        away, index = tree.query(now.of(first), distance_upper_bound=reach)
        one = np.flatnonzero(np.isfinite(away))
        # of several that are near the same star the nearest one is it
        one = one[np.lexsort((away[one], index[one]))]
        one = one[np.append(True, np.diff(index[one]) != 0)] if len(one) else one
        if len(one) < 3:
            return None
        pairs = np.stack([one, index[one]], 1)
        # in the end stars that blend, which err more, have less weight
        weight = 1 / (0.05**2 + away[one] ** 2) if k == ROUNDS - 1 else np.ones(len(one))
        a, b = first[one], second[index[one]]
        ma, mb = (np.average(points, axis=0, weights=weight) for points in (a, b))
        u, _, vt = np.linalg.svd((b - mb).T @ (weight[:, None] * (a - ma)))
        turn = u @ np.diag([1.0, np.linalg.det(u @ vt)]) @ vt
        now = Match(turn=turn, move=mb - now.middle - turn @ (ma - now.middle), middle=now.middle, pairs=pairs)
    return now
