"""Defocus: stars that are wide and stay wide, while their light is all there."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from arwatch.night.causes import Cause, Span
from arwatch.night.series import HYSTERESIS, Usual, onset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.signs import Signs

_WINDOW_S = 1.5 * 3600.0
"""What the width usually is, is asked of so long before: a field that sets widens its stars by 10 % meanwhile, a focus
that walks off by more."""
_WIDER = 1.4
"""Widths by which stars are out of focus: seeing walks about a mean by 10 or 15 %."""
_SEEING = 3.5
"""Where the seeing walks farther, the width must also be so many of its standard deviations off."""
_BACK = 1.15
_IN_A_ROW = 3
"""Frames that must be wide: a gust widens one or two."""
_AHEAD = 3
"""Frames by which more is known of how the stars widen than when that was noticed."""
_EXTINCTION = 0.18
"""Part of the light that each airmass takes (0.2 magnitudes, as of green light at an ordinary place)."""


def defocus(frames: Sequence[Signs]) -> list[Span]:
    """Find the stretches in which the focus was off."""
    usual, light = Usual(_WINDOW_S, most=90), Usual(_WINDOW_S, most=90)
    found: list[Span] = []
    known: list[int] = []
    wide: list[int] = []
    """Frames of the stretch that goes on; with fewer than `_IN_A_ROW` it has not begun yet."""
    good: list[int] = []
    first, normal, limit = 0, 0.0, _WIDER

    def take_in(k: int) -> None:
        usual.add(frames[k].when, math.log(frames[k].narrow_px or 1.0))
        if (starlight := frames[k].starlight) is not None:
            light.add(frames[k].when, starlight)

    def span(*, ended: bool) -> Span:
        return _span(frames, first, wide, normal, ended=ended)

    for i, frame in enumerate(frames):
        if frame.narrow_px is None:
            continue
        known.append(i)
        if len(wide) < _IN_A_ROW:
            if len(usual) < 3:
                take_in(i)
                continue
            normal = math.exp(usual.value() or 0.0)
            limit = max(_WIDER, math.exp(_SEEING * usual.scatter()))
            limit *= _by_airmass([frames[k].starlight for k in known[-5:]], light.value())
            if frame.narrow_px <= limit * normal:
                for k in (*wide, i):
                    take_in(k)
                wide.clear()
                continue
            wide.append(i)
            if len(wide) == _IN_A_ROW:
                first = _onset(frames, known, wide)
            continue
        if frame.narrow_px > max(_BACK, (1 + limit) / 2) * normal:
            wide.append(i)
            good.clear()
            if len(wide) <= _IN_A_ROW + _AHEAD:
                first = _onset(frames, known, wide)
            continue
        good.append(i)
        if len(good) == HYSTERESIS:
            found.append(span(ended=True))
            for k in good:
                take_in(k)
            wide.clear()
            good.clear()
    if len(wide) >= _IN_A_ROW:
        found.append(span(ended=False))
    return found


def _by_airmass(recent: Sequence[float | None], usual: float | None) -> float:
    """Give how much wider the air alone makes the stars, as far as the light tells how much air it went through.

    The width grows with the airmass to the power of 0.6 (Kolmogorov turbulence). A lens out of focus takes no light.
    """
    lights = [light for light in recent if light is not None]
    if usual is None or not lights:
        return 1.0
    lost = max(0.0, 1 - median(lights) / usual)
    return float((1 + lost / _EXTINCTION) ** 0.6)


def _onset(frames: Sequence[Signs], known: Sequence[int], wide: Sequence[int]) -> int:
    """Find where it began: the square of the width is what seeing and focus add up to."""
    recent = [k for k in known if k < wide[0]][-20:] + list(wide)
    squares = [(frames[k].narrow_px or 0.0) ** 2 for k in recent]
    return recent[onset(squares, len(recent) - len(wide), bend=1.0, relative=True, ahead=_IN_A_ROW + _AHEAD)]


def _span(frames: Sequence[Signs], first: int, wide: Sequence[int], normal: float, *, ended: bool) -> Span:
    widths = [frames[k].narrow_px or 0.0 for k in wide]
    lights = [light for k in wide if (light := frames[k].starlight) is not None]
    kept = f", with {min(1.0, median(lights)):.0%} of their light" if lights else ""
    return Span(
        cause=Cause.DEFOCUS,
        onset=first,
        last=wide[-1],
        ended=ended,
        evidence=f"The stars grew from {normal:.1f} to {max(widths):.1f} px and stayed wide{kept}.",
        frames=frozenset(range(first, wide[0])) | frozenset(wide),
    )
