"""Paths of satellites, aircraft and meteors: peaks in a row, each drawn out along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from arwatch.stars.stamps import Stamps

DRAWN_OUT = 0.3
"""Ellipticity (see `stars.form.ellipse_of`) of a peak on a streak, at least, beyond that of the frame's stars."""
ALONG, APART = 14.0, 40.0
"""Degrees by which a peak's direction may differ from the path's; pixels between two peaks that tell one, at least."""
MOST_PEAKS, MOST_STREAKS = 250, 12
"""Peaks whose pairs are looked at, and streaks that are looked for."""
TURN_STEP, MOVE_STEP = 1.5, 10.0
"""Degrees and pixels: what counts as the same path while pairs vote."""
FEWEST, GAP, SHORTEST = 8, 60.0, 120.0
"""Peaks on a path; pixels between neighbours on it at most; and its length at least."""
NARROW, BESIDE = 3.0, 9.0
"""Pixels from the path: of its own peaks, and of all that it disturbs."""
SAME_TURN, SAME_PLACE = 0.03, 12.0
"""Radians and pixels by which pieces of the same path may differ."""
SPIKES = 600.0
"""Pixels: a shorter path across a saturated star is its spikes."""


class Streaks(NamedTuple):
    """What was found."""

    number: int
    beside: NDArray[np.bool_]
    """(n,): the peak lies on a streak or beside it."""


def streaks_of(stamps: Stamps, stars: NDArray[np.intp], full: NDArray[np.bool_]) -> Streaks:
    """Find the streaks of a frame among its peaks (n); `stars` are surely some, those of `full` (n,) are saturated."""
    xx, yy, xy = stamps.moments.T
    total = np.maximum(xx + yy, 1e-9)
    ellipse = np.stack([(xx - yy) / total, 2 * xy / total], 1)
    if len(stars):
        ellipse = ellipse - np.median(ellipse[stars], axis=0)
    length = np.hypot(*ellipse.T)
    direction = np.arctan2(ellipse[:, 1], ellipse[:, 0]) / 2
    places = np.stack([stamps.x, stamps.y], 1)
    left = np.flatnonzero(np.isfinite(length) & (length > DRAWN_OUT) & (stamps.one < 0.6) & (xx + yy > 0))
    beside, paths = np.zeros(len(full), bool), []
    for _ in range(MOST_STREAKS):
        if len(left) < FEWEST:
            break
        some = left[:: -(-len(left) // MOST_PEAKS)]
        path = _most_voted(places[some], direction[some])
        if path is None:
            break
        found = _followed(places[left], *path)
        if found is None:
            break
        point, along, low, high = found
        away, where = _from(places, point, along)
        near = (np.abs(away) < BESIDE) & (where > low - GAP) & (where < high + GAP)
        beside |= near
        if high - low > SPIKES or not full[near].any():
            paths.append((point, along))
        left = left[~near[left]]
    return Streaks(_different(paths), beside)


def _different(paths: list[tuple[NDArray[Any], NDArray[Any]]]) -> int:
    """Count the paths, pieces of the same one once."""
    first: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for point, along in paths:
        for other, direction in first:
            far = max(abs(_from(point[None], other, direction)[0][0]), abs(_from(other[None], point, along)[0][0]))
            turned = np.arcsin(min(abs(along[0] * direction[1] - along[1] * direction[0]), 1.0))
            if turned < SAME_TURN and far < SAME_PLACE + SAME_TURN * np.hypot(*(point - other)) / 2:
                break
        else:
            first.append((point, along))
    return len(first)


def _from(places: NDArray[Any], point: NDArray[Any], along: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far places lie from a path, and where along it, pixels."""
    dx, dy = (places - point).T
    return dy * along[0] - dx * along[1], dx * along[0] + dy * along[1]


def _most_voted(places: NDArray[Any], direction: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return a point and the direction of the path that most pairs of peaks lie along; None without any."""
    one, other = np.triu_indices(len(places), 1)
    dx, dy = (places[other] - places[one]).T
    angle = np.arctan2(dy, dx) % np.pi
    along = (np.hypot(dx, dy) > APART) & np.all(
        [np.abs((angle - direction[k] + np.pi / 2) % np.pi - np.pi / 2) < np.radians(ALONG) for k in (one, other)],
        axis=0,
    )
    one, other, angle = one[along], other[along], angle[along]
    if len(one) < FEWEST:
        return None
    middle = (places[one] + places[other]) / 2 - places.mean(0)
    offset = middle[:, 1] * np.cos(angle) - middle[:, 0] * np.sin(angle)
    votes = np.floor(np.stack([angle / np.radians(TURN_STEP), offset / MOVE_STEP], 1)).astype(int)
    _, where, counts = np.unique(votes, axis=0, return_inverse=True, return_counts=True)
    best = where.ravel() == np.argmax(counts)
    angle = np.median(angle[best])
    return np.median(middle[best], axis=0) + places.mean(0), np.array([np.cos(angle), np.sin(angle)])


def _followed(places: NDArray[Any], point: NDArray[Any], along: NDArray[Any]) -> tuple[Any, Any, float, float] | None:
    """Follow a path over its peaks; returns a point, the direction, and its ends along it, or None where it is none."""
    for width in (4 * NARROW, 2 * NARROW, NARROW):
        away, where = _from(places, point, along)
        chosen = np.flatnonzero(np.abs(away) < width)
        chosen = chosen[np.argsort(where[chosen], kind="stable")]
        if len(chosen) < FEWEST:
            return None
        runs = np.split(chosen, np.flatnonzero(np.diff(where[chosen]) > GAP) + 1)
        run = max(runs, key=len)
        low, high = where[run[0]], where[run[-1]]
        if len(run) < FEWEST or high - low < SHORTEST:
            return None
        center = places[run].mean(0)
        _, _, axes = np.linalg.svd(places[run] - center, full_matrices=False)
        low, high = low - (center - point) @ along, high - (center - point) @ along
        sign = 1.0 if axes[0] @ along > 0 else -1.0
        point, along = center, sign * axes[0]
    return point, along, float(low), float(high)
