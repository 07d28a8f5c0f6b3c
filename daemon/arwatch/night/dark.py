"""Frames that show too little to judge the sky by: a cap on the lens, or hardly any stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arwatch.night.causes import Cause, Span
from arwatch.night.series import HYSTERESIS, Usual
from arwatch.night.signs import FEWEST_STARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.signs import Signs

_NO_STARS = 3
"""At most so many are found in a dark frame, as hot pixels that were mistaken."""
_SAME_LEVEL = 0.25
"""Levels of the bands that differ by less of the noise are those of no light at all: a sky has a colour."""
_DARKER = 0.5
"""Part of the usual noise's square: the camera's own noise alone is less than half of what a sky makes."""


def blind(frames: Sequence[Signs]) -> list[Span]:
    """Find the stretches in which the cap was on, and those without enough stars."""
    usual = Usual(6 * 3600.0, most=40)
    causes: list[Cause | None] = []
    for frame in frames:
        cause: Cause | None = Cause.GOOD
        if frame.stars is None:
            cause = None
        elif not frame.enough_stars:
            cause = Cause.CAP_ON if frame.stars <= _NO_STARS and _is_dark(frame, usual.value()) else Cause.NO_VERDICT
        elif frame.noise is not None:
            usual.add(frame.when, frame.noise**2)
        causes.append(cause)
    return [*_spans(frames, causes, Cause.CAP_ON), *_spans(frames, causes, Cause.NO_VERDICT)]


def _is_dark(frame: Signs, usual: float | None) -> bool:
    if frame.noise is None:
        return False
    levels = frame.levels
    if len(levels) == 3 and max(levels) - min(levels) < _SAME_LEVEL * frame.noise:
        return True
    return usual is not None and frame.noise**2 < _DARKER * usual


def _spans(frames: Sequence[Signs], causes: Sequence[Cause | None], cause: Cause) -> list[Span]:
    found: list[Span] = []
    hits: list[int] = []
    others = 0
    for i, what in enumerate(causes):
        if what is cause:
            hits.append(i)
            others = 0
        elif what is not None and hits:
            others += 1
            if others == HYSTERESIS:
                found.append(_span(frames, hits, cause, ended=True))
                hits = []
    if hits:
        found.append(_span(frames, hits, cause, ended=False))
    return [span for span in found if len(span.frames) > 1 or cause is Cause.CAP_ON]


def _span(frames: Sequence[Signs], hits: Sequence[int], cause: Cause, *, ended: bool) -> Span:
    fewest = min(frames[k].stars or 0 for k in hits)
    if cause is Cause.CAP_ON:
        evidence = "The frames are dark: no stars, and no more noise than the camera's own."
    else:
        evidence = f"As few as {fewest} stars were found; below {FEWEST_STARS} nothing is told of the sky."
    return Span(
        cause=cause, onset=hits[0], last=hits[-1], ended=ended, evidence=evidence, frames=frozenset(hits)
    )  # fmt: skip
