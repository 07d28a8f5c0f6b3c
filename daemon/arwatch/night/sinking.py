"""What the stars' light usually is in a field that sinks or rises: what counts is a loss beside that."""

from __future__ import annotations

from statistics import fmean

from arwatch.night.series import Usual

_WINDOW_S = 60 * 60.0
"""What the light usually is, is asked of so long before."""
_NOT_YET_S = 15 * 60.0
"""The last frames do not count when it is asked how fast the light falls anyhow: they may be what is asked about."""
_LONGEST_S = 2 * 3600.0
"""So far the fall is believed to go on."""
SLOW = 0.35
"""Part of the light lost in an hour that a sinking field may lose; dew and clouds are quicker."""


class UsualLight:
    """What the light usually is: the field sinks or rises, and what it went through grows or shrinks evenly.

    A field that was begun under a cloud gives more than 1 later; that is no measure, so 1 is the most.
    """

    def __init__(self) -> None:
        self._recent = Usual(_WINDOW_S, most=60)
        self._trend: tuple[float, float, float] | None = None

    def add(self, when: float, light: float) -> None:
        """Take a good frame in."""
        self._recent.add(when, light)
        self._trend = None

    def at(self, when: float) -> float:
        """Give the light that is to be expected then."""
        if self._trend is None:
            self._trend = self._fitted()
        middle, level, slope = self._trend
        return min(1.0, level + slope * min(when - middle, _LONGEST_S))

    def jitter(self) -> float:
        """Give the standard deviation from frame to frame."""
        return self._recent.jitter()

    def _fitted(self) -> tuple[float, float, float]:
        """Give a time, the light then, and its change in a second."""
        points = self._recent.points()
        old = [point for point in points if point[0] < points[-1][0] - _NOT_YET_S]
        level = self._recent.value()
        if len(old) < 8 or old[-1][0] - old[0][0] < _NOT_YET_S:
            return 0.0, 1.0 if level is None else level, 0.0
        middle, level = fmean(when for when, _ in old), fmean(light for _, light in old)
        slope = sum((when - middle) * (light - level) for when, light in old) / sum(
            (when - middle) ** 2 for when, _ in old
        )
        return middle, level, min(0.0, max(-SLOW / 3600, slope))
