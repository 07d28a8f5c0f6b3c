"""What brightens the sky: twilight, the Moon, or a light nearby."""

from __future__ import annotations

import math
from collections.abc import Hashable
from statistics import median
from typing import TYPE_CHECKING

from arwatch.night.causes import Cause, Span
from arwatch.night.series import HYSTERESIS, Usual, onset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arwatch.night.signs import Signs

_BRIGHTER = 1.25
"""Skies that are told: so much more light takes a fifth of an exposure's worth."""
_OVER = 1.1
"""Skies that end it: what the sky changes anyhow in half an hour stays below."""
_WINDOW_S = 3 * 3600.0
_MOONLESS_S = 30 * 60.0
"""The sky is compared with that of so long before the Moon rose: it also changes with the field's altitude."""
_ASTRONOMICAL_DEG = -18.0
"""Below this the Sun adds nothing."""
_NAUTICAL_DEG = -12.0
"""Above this the sky is never dark, whatever there is to compare with."""
_EVENING_DEG = -15.0
"""Below this a sky of which no darker frame is known counts as dark."""
_LEAST_MOON = 0.1
"""Lit part below which the Moon is no brighter than the sky of a town."""
_STRAY_WINDOW_S = 15 * 60.0
_STRAY_CELLS = 3
_STRAY_STEP = 0.15
"""Parts of its usual light by which the sky of some cells must rise over that of others."""


class _Darkness:
    """How dark the sky was, apart for each field and exposure: only like can be compared with like."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._usual: dict[Hashable, Usual] = {}

    def add(self, frame: Signs) -> None:
        if frame.sky is not None:
            self._usual.setdefault(frame.setup, Usual(self._window_s, most=90)).add(frame.when, frame.sky)

    def times(self, frame: Signs) -> float | None:
        """Give how many times brighter than usual the sky is; None: nothing to compare with."""
        usual = self._usual.get(frame.setup)
        before = usual.value() if usual is not None and len(usual) >= 3 else None
        return frame.sky / before if before and frame.sky is not None else None


def twilight(frames: Sequence[Signs]) -> list[Span]:
    """Find twilight: the Sun is less than 18 degrees down, and the sky is brighter than at night."""
    darkness = _Darkness(_WINDOW_S)

    def look(frame: Signs, *, on: bool) -> bool | None:
        if frame.sun_deg is None:
            return None
        if frame.sun_deg <= _ASTRONOMICAL_DEG:
            darkness.add(frame)
            return False
        if frame.sun_deg > _NAUTICAL_DEG:
            return True
        times = darkness.times(frame)
        if times is None:
            return frame.sun_deg > _EVENING_DEG
        return times > (_OVER if on else _BRIGHTER)

    def told(frame: Signs, times: float) -> str:
        grown = f"; the sky is {times:.1f} times as bright as it was" if times > _OVER else ""
        return f"The Sun is only {-(frame.sun_deg or 0.0):.0f}° below the horizon{grown}."

    return _spans(frames, Cause.TWILIGHT, look, darkness, told, possible=lambda frame: (frame.sun_deg or -90) > -18)


def moonlight(frames: Sequence[Signs], hidden: frozenset[int]) -> list[Span]:
    """Find moonlight: the sky has become brighter since the Moon rose.

    Parameters
    ----------
    frames : sequence of Signs
        One night.
    hidden : frozenset of int
        Frames with clouds or twilight, whose sky tells nothing of the Moon.
    """
    darkness = _Darkness(_MOONLESS_S)
    clear = {id(frame) for i, frame in enumerate(frames) if i not in hidden}

    def look(frame: Signs, *, on: bool) -> bool | None:
        if frame.moon_deg is None or (frame.moon_part is not None and frame.moon_part < _LEAST_MOON):
            return None
        if frame.moon_deg <= 0:
            if id(frame) in clear:
                darkness.add(frame)
            return False
        times = darkness.times(frame)
        if times is None or id(frame) not in clear:
            return None
        return times > (_OVER if on else _BRIGHTER)

    def told(frame: Signs, times: float) -> str:
        lit = "" if frame.moon_part is None else f", {frame.moon_part:.0%} of it lit"
        return (
            f"The Moon stands {frame.moon_deg or 0.0:.0f}° high{lit}; the sky is {times:.1f} times as bright as it was."
        )

    return _spans(frames, Cause.MOON, look, darkness, told, possible=lambda frame: (frame.moon_deg or 0) > 0)


def stray_light(frames: Sequence[Signs], hidden: frozenset[int]) -> list[Span]:
    """Find a light nearby: the sky of some cells jumps up, or that of the frame, and nothing in the sky does it.

    Parameters
    ----------
    frames : sequence of Signs
        One night.
    hidden : frozenset of int
        Frames with clouds, an obstruction or twilight, which change cells as well.
    """
    usual: dict[Hashable, list[Usual]] = {}
    latest: dict[Hashable, float] = {}
    found: list[Span] = []
    hits: dict[int, str] = {}
    dark: list[int] = []
    for i, frame in enumerate(frames):
        cells = frame.sky_cells
        if cells is None or i in hidden:
            continue
        key = frame.setup, frame.flipped, len(cells)
        before = usual.setdefault(key, [Usual(_STRAY_WINDOW_S, 5, 9) for _ in cells])
        if frame.when - latest.get(key, frame.when) > _STRAY_WINDOW_S:
            before = usual[key] = [Usual(_STRAY_WINDOW_S, 5, 9) for _ in cells]
        latest[key] = frame.when
        told = _stray(cells, before)
        if told:
            hits[i] = told
            dark.clear()
            continue
        if hits:
            dark.append(i)
            if len(dark) < HYSTERESIS:
                continue
            found.append(_stray_span(hits, ended=True))
            hits = {}
        for k in dark or (i,):
            for cell, value in zip(before, frames[k].sky_cells or (), strict=False):
                if value > 0 and math.isfinite(value):
                    cell.add(frames[k].when, value)
        dark.clear()
    if hits:
        found.append(_stray_span(hits, ended=False))
    return found


def _stray(cells: Sequence[float], before: Sequence[Usual]) -> str:
    """Say which cells are brighter than in the frames before; empty: none is."""
    times = sorted(
        value / usual_value
        for value, usual in zip(cells, before, strict=True)
        if math.isfinite(value) and len(usual) >= 3 and (usual_value := usual.value())
    )
    if len(times) < 4 * _STRAY_CELLS:
        return ""
    bright, quiet = times[-_STRAY_CELLS], times[len(times) // 4]
    if bright - quiet > _STRAY_STEP and bright > 1 + _STRAY_STEP:
        count = sum(value > quiet + _STRAY_STEP for value in times)
        return (
            f"The sky jumped up in {count} of {len(times)} parts of the frame, to {times[-1]:.1f} times its brightness."
        )
    if median(times) > _BRIGHTER:
        return f"The whole sky jumped up to {median(times):.1f} times its brightness."
    return ""


def _stray_span(hits: dict[int, str], *, ended: bool) -> Span:
    return Span(
        cause=Cause.STRAY_LIGHT, onset=min(hits), last=max(hits), ended=ended,
        evidence=hits[min(hits)], frames=frozenset(hits),
    )  # fmt: skip


def _spans(
    frames: Sequence[Signs],
    cause: Cause,
    look: Callable[..., bool | None],
    darkness: _Darkness,
    told: Callable[[Signs, float], str],
    *,
    possible: Callable[[Signs], bool],
) -> list[Span]:
    """Find the stretches in which a source in the sky is seen; they begin where the sky began to brighten.

    Parameters
    ----------
    frames : sequence of Signs
        One night.
    cause : Cause
        What the source is.
    look : callable
        Whether a frame shows it, given whether the frames before did; None: it cannot be told.
    darkness : _Darkness
        What `look` compares with.
    told : callable
        The evidence of the brightest frame, and how many times as bright as usual it is.
    possible : callable
        Whether the source is above its horizon.
    """
    found: list[Span] = []
    hits: list[int] = []
    seen: list[int] = []
    """Frames so far that tell something, since the last stretch."""
    away, times = 0, 0.0
    worst: Signs | None = None

    def span(*, ended: bool) -> Span:
        return Span(
            cause=cause, onset=hits[0], last=hits[-1], ended=ended,
            evidence=told(worst or frames[hits[-1]], times), frames=frozenset(hits),
        )  # fmt: skip

    for i, frame in enumerate(frames):
        now = darkness.times(frame) or 1.0
        shown = look(frame, on=bool(hits))
        if shown is None:
            continue
        seen.append(i)
        if not shown:
            away += 1
            if hits and away == HYSTERESIS:
                found.append(span(ended=True))
                hits, seen, times = [], seen[-HYSTERESIS:], 0.0
            continue
        if not hits:
            like = [k for k in seen if frames[k].setup == frame.setup and frames[k].sky is not None]
            first = like[onset([frames[k].sky or 0.0 for k in like], len(like) - 1, bend=1.0)] if like else i
            hits = [k for k in seen if k >= first and (possible(frames[k]) or k == i)]
        else:
            hits.append(i)
        away = 0
        if now >= times:
            worst, times = frame, now
    if hits:
        found.append(span(ended=False))
    return found
