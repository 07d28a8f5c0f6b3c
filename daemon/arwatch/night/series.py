"""What a figure usually was, and since when it has not been so: the two questions that all causes ask."""

from __future__ import annotations

from collections import deque
from itertools import islice
from statistics import fmean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HYSTERESIS = 3
"""Good frames in a row that end a condition: one or two may be gaps between clouds. With exposures of minutes more
would hide how things really are."""
_NORMAL = 1.4826
"""Standard deviation of normal noise by its median absolute deviation."""
_LOOK_BACK = 45
"""Frames before the one that was noticed in which its cause may have begun: dew may take an hour."""


class Usual:
    """What a figure was in the good frames of the last while; it follows what changes slowly, such as the airmass.

    Parameters
    ----------
    window_s : float
        How long a frame counts, seconds.
    least, most : int
        So many frames count whatever their age, and never more than so many.
    """

    def __init__(self, window_s: float, least: int = 8, most: int = 60) -> None:
        self._window_s, self._least = window_s, least
        self._values: deque[tuple[float, float]] = deque(maxlen=most)
        self._median: float | None = None

    def add(self, when: float, value: float) -> None:
        """Take a good frame in."""
        self._values.append((when, value))
        while len(self._values) > self._least and self._values[0][0] < when - self._window_s:
            self._values.popleft()
        self._median = None

    def __len__(self) -> int:
        """How many frames count."""
        return len(self._values)

    def points(self) -> tuple[tuple[float, float], ...]:
        """Give the times and values that count, the oldest first."""
        return tuple(self._values)

    def value(self) -> float | None:
        """Give the median; None where there were no frames."""
        if self._median is None and self._values:
            self._median = median(value for _, value in self._values)
        return self._median

    def scatter(self) -> float:
        """Give the standard deviation about the median, robust; 0 for fewer than five frames."""
        middle = self.value()
        if middle is None or len(self._values) < 5:
            return 0.0
        return _NORMAL * median(abs(value - middle) for _, value in self._values)

    def jitter(self) -> float:
        """Give the standard deviation from frame to frame, robust: what remains when slow changes are left out."""
        if len(self._values) < 5:
            return 0.0
        values = [value for _, value in self._values]
        steps = (abs(b - a) for a, b in zip(values, islice(values, 1, None), strict=False))
        return _NORMAL * median(steps) / 2**0.5


def onset(values: Sequence[float], noticed: int, *, bend: float = 1.25, relative: bool = False, ahead: int = 1) -> int:
    """Find where a figure began to leave what it was before: a level, then a line or a parabola that starts there.

    Parameters
    ----------
    values : sequence of float
        The figure in consecutive frames; those before the change first.
    noticed : int
        Index of the first frame that lies beyond doubt off the level.
    bend : float
        How many times better a parabola must explain the values than a line does; infinite: lines only.
    relative : bool
        Whether errors grow with the values.
    ahead : int
        Frames after `noticed` that are looked at, too; later ones do not change what was found.

    Returns
    -------
    int
        Index of the first frame that is off the level, `noticed` at most.

    Notes
    -----
    Least squares over all beginnings. A parabola is what a focus that walks off makes of squared star sizes, and what
    dew makes that sets in slowly.
    """
    start = max(0, noticed - _LOOK_BACK)
    part = values[start : noticed + ahead + 1]
    noticed -= start
    weights = [1 / max(y, 1e-6) ** 2 if relative else 1.0 for y in part]
    best, found = float("inf"), noticed
    for power, handicap in ((1, 1.0), (2, bend)):
        for begin in range(min(2, noticed), noticed + 1):
            level = fmean(part[:begin]) if begin else part[0]
            steps = [max(0.0, i - begin + 1.0) ** power for i in range(len(part))]
            rise = sum(w * s * (y - level) for w, s, y in zip(weights, steps, part, strict=True))
            slope = rise / sum(w * s * s for w, s in zip(weights, steps, strict=True))
            misfit = handicap * sum(
                w * (y - level - slope * s) ** 2 for w, s, y in zip(weights, steps, part, strict=True)
            )
            if misfit < best:
                best, found = misfit, begin
    return start + found
