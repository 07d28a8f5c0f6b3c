"""What draws stars out: a drift of the field, or gusts of wind and bumps."""

from __future__ import annotations

import cmath
import math
from collections import deque
from statistics import median
from typing import TYPE_CHECKING

from arwatch.night.causes import Cause, Span
from arwatch.night.drift import drifts, moves
from arwatch.night.series import HYSTERESIS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.drift import Drift
    from arwatch.night.signs import Signs

_TRAIL = 0.5
"""Part of a star's width that a trail must have to be seen: it makes an axis ratio of 0.95."""
_IN_LINE = 0.5
"""Part of the drift that a move, and of its trail's elongation that a star, must show in its direction."""
_ERROR = 0.03
"""Error of an elongation."""
_ELONGATED = 0.15
"""Elongation beyond the usual one that a gust is told from: an axis ratio of 0.86, five times the error."""
_ELONGATED_AT_FIRST = 0.25
"""The same while it is not known yet how the optics draw stars out."""
_ERRORS = 5.0
"""Where the mount never is quiet, a gust must also be so many times the median of what it usually does."""
_COHERENT = 0.4
"""How alike the axes must lie: wind draws all stars out one way, optics each one in its own."""
_STEADY = 5
"""Frames in a row that are drawn out alike: gusts come one by one and from anywhere."""
_STEADY_ELONGATION = 0.08
_USUAL, _FEWEST = 30, 5
"""Frames from which it is known how the optics alone draw stars out, at most and at least."""


def trailing(frames: Sequence[Signs]) -> list[Span]:
    """Find the stretches in which the field moved by a visible part of a star while a frame was exposed.

    Where each frame is dithered, the moves hide the drift; then the stars tell it, drawn out alike again and again.
    """
    return _Trails(frames).spans()


class _Trails:
    def __init__(self, frames: Sequence[Signs]) -> None:
        self._frames = frames
        self._steps = moves(frames)
        self._usual: deque[complex] = deque(maxlen=_USUAL)
        self._excess: list[complex | None] = []
        """By which elongation each frame exceeds the usual one."""

    def spans(self) -> list[Span]:
        found: list[Span] = []
        since = 0
        now: _Trail | None = None
        for i, (frame, drift) in enumerate(zip(self._frames, drifts(self._frames), strict=True)):
            normal = _middle(self._usual)
            self._excess.append(None if frame.elongation is None else frame.elongation - normal)
            if now is None:
                now = self._by_moves(i, drift, since) or self._by_stars(i, drift, since)
                if now is None and frame.elongation is not None:
                    self._usual.append(frame.elongation)
                continue
            if now.goes_on(i, self._steps[i], self._excess[i]):
                continue
            found.append(now.span(ended=True))
            since, now = now.last + 1, None
        if now is not None:
            found.append(now.span(ended=False))
        return found

    def _by_moves(self, i: int, drift: Drift | None, since: int) -> _Trail | None:
        width = self._frames[i].fwhm_px
        if drift is None or width is None or not drift.is_known or drift.trail_px < _TRAIL * width:
            return None
        speed = complex(drift.x_px_min, drift.y_px_min)
        expected = _drawn_by(drift.trail_px, width)
        axis = _axis(speed)
        elongation = self._frames[i].elongation  # as it is: a drift since the first frame is what is usual
        if elongation is not None and (elongation * axis.conjugate()).real < _IN_LINE * expected - _ERROR:
            return None
        first = i
        for k in range(i - 1, max(since, i - 10) - 1, -1):
            step = self._steps[k]
            if step is not None and _along(step, speed) >= _IN_LINE:
                first = k
            elif first - k >= 2:  # one other move between is a dither
                break
        if first > since and all(step is None for step in self._steps[since:first]):
            first -= 1  # the first move that is known is that from the frame before
        text = (
            f"The field moves by {abs(speed):.2g} px a minute at {drift.angle_deg:.0f}°, {drift.trail_px:.1f} px in an"
            f" exposure for stars of {width:.1f} px."
        )
        return _Trail(list(range(first, i + 1)), axis, speed, expected=expected, evidence=text)

    def _by_stars(self, i: int, drift: Drift | None, since: int) -> _Trail | None:
        if drift is not None and drift.error_px_min * self._frames[i].exposure_s / 60 < _TRAIL * (
            self._frames[i].fwhm_px or 0.0
        ):
            return None  # the moves are known, and do not explain it
        recent: list[tuple[int, complex]] = []
        for k in range(i, since - 1, -1):
            excess = self._excess[k]
            if excess is not None:
                recent.append((k, excess))
            if len(recent) == _STEADY:
                break
        if len(recent) < _STEADY or len(self._usual) < _FEWEST:
            return None
        mean = sum(excess for _, excess in recent) / _STEADY
        if abs(mean) < _STEADY_ELONGATION or any(_along(excess, mean) < _IN_LINE for _, excess in recent):
            return None
        angle = math.degrees(cmath.phase(mean)) / 2 % 180
        text = f"The stars are drawn out at {angle:.0f}° in frame after frame, by {abs(mean):.0%} more than usual."
        hits = list(range(recent[-1][0], i + 1))
        return _Trail(hits, mean / abs(mean), None, expected=abs(mean), evidence=text)


class _Trail:
    """A drift that goes on."""

    def __init__(
        self, hits: list[int], axis: complex, speed: complex | None, *, expected: float, evidence: str
    ) -> None:
        self._hits, self._axis, self._speed, self._expected, self._evidence = hits, axis, speed, expected, evidence
        self._calm = 0

    @property
    def last(self) -> int:
        return self._hits[-1]

    def goes_on(self, i: int, step: complex | None, excess: complex | None) -> bool:
        """Take a frame in; False: the drift has ended."""
        if self._speed is not None and step is not None and abs(step - self._speed) < 5 * abs(self._speed):
            drifts_on = _along(step, self._speed) >= _IN_LINE
        elif excess is not None:  # a dither hides the move, or none is known
            drifts_on = (excess * self._axis.conjugate()).real >= max(_IN_LINE * self._expected, 2 * _ERROR)
        else:
            return True
        if drifts_on:
            self._hits.append(i)
            self._calm = 0
        else:
            self._calm += 1
        return self._calm < HYSTERESIS

    def span(self, *, ended: bool) -> Span:
        return Span(
            cause=Cause.DRIFT, onset=self._hits[0], last=self.last, ended=ended, evidence=self._evidence,
            frames=frozenset(self._hits),
        )  # fmt: skip


def gusts(frames: Sequence[Signs], explained: frozenset[int]) -> list[Span]:
    """Find frames whose stars are drawn out one way, and no drift tells why.

    Parameters
    ----------
    frames : sequence of Signs
        One night.
    explained : frozenset of int
        Frames whose stars trail by a drift.
    """
    found: list[Span] = []
    usual: deque[complex] = deque(maxlen=_USUAL)
    hits: dict[int, float] = {}
    calm = 0
    for i, frame in enumerate(frames):
        if frame.elongation is None or i in explained:
            continue
        middle = _middle(usual)
        limit = _ELONGATED_AT_FIRST
        if len(usual) >= _FEWEST:
            limit = max(_ELONGATED, _ERRORS * median(abs(e - middle) for e in usual))
        excess = abs(frame.elongation - middle)
        coherent = frame.coherence is None or frame.coherence >= _COHERENT
        if excess > limit and abs(frame.elongation) > limit and coherent:
            hits[i] = abs(frame.elongation)
            calm = 0
            continue
        usual.append(frame.elongation)
        calm += 1
        if hits and calm >= HYSTERESIS:
            found.append(_gust(frames, hits, ended=True))
            hits = {}
    if hits:
        found.append(_gust(frames, hits, ended=False))
    return found


def _gust(frames: Sequence[Signs], hits: dict[int, float], *, ended: bool) -> Span:
    worst = max(hits, key=hits.__getitem__)
    ratio = ((1 - hits[worst]) / (1 + hits[worst])) ** 0.5
    angle = math.degrees(cmath.phase(frames[worst].elongation or 0j)) / 2 % 180
    count = f"in {len(hits)} frames" if len(hits) > 1 else "in one frame"
    return Span(
        cause=Cause.WIND,
        onset=min(hits),
        last=max(hits),
        ended=ended,
        evidence=f"The stars are drawn out at {angle:.0f}° {count}, to an axis ratio of {ratio:.2f};"
        " no drift explains it.",
        frames=frozenset(hits),
    )


def _middle(elongations: Sequence[complex] | deque[complex]) -> complex:
    """Give the median of the parts; 0 while too few are known."""
    if len(elongations) < _FEWEST:
        return 0j
    return complex(median(e.real for e in elongations), median(e.imag for e in elongations))


def _drawn_by(trail_px: float, width_px: float) -> float:
    """Give the elongation that a trail makes of a star whose width, trail included, is known.

    A trail of length L adds L^2/12 to the variance along it.
    """
    product = (width_px / 2.3548) ** 4
    added = trail_px**2 / 12
    across = math.sqrt(added**2 / 4 + product) - added / 2
    return added / (2 * across + added)


def _axis(direction: complex) -> complex:
    """Give a direction as elongations have it, with twice its angle."""
    return (direction / abs(direction)) ** 2


def _along(step: complex, direction: complex) -> float:
    """Give the part of the second one that the first one has in its direction."""
    return (step * direction.conjugate()).real / abs(direction) ** 2
