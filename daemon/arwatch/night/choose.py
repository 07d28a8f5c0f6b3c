"""Choosing frames: by what each must fulfil (`--keep`), and by which share of them is best (`--best`)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from arwatch.night.expression import ExpressionError, names, parse
from arwatch.night.totals import PROCESSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One frame, and why it is not among the chosen."""

    frame: Seen
    kept: bool
    reason: str
    """One sentence; empty for a frame that was kept."""


def choose(frames: Sequence[Seen], keep: str = "", best: str = "") -> list[Choice]:
    """Say of each frame whether it is chosen.

    Parameters
    ----------
    frames : sequence of Seen
        Those to choose from; medians are theirs, as far as their outputs are there.
    keep : str
        Such as `fwhm_px < 1.2 * median and transparency > 0.8`; empty: all. See `arwatch.night.expression`.
    best : str
        `80%` or `40` (frames): of those that `keep` lets through, these with the greatest `worth`; empty: all.

    Returns
    -------
    list of Choice
        In the order of the frames.

    Raises
    ------
    ExpressionError
        `keep` or `best` cannot be read.
    """
    there = [frame for frame in frames if frame.state in PROCESSED]
    rejected = {id(frame): f"It has no output: its record says {frame.state}." for frame in frames}
    for frame in there:
        del rejected[id(frame)]
    if keep.strip():
        condition = parse(keep)
        figures = [frame.figures for frame in there]
        medians = {name: _median([getattr(of, name) for of in figures]) for name in names(condition)}
        for frame in there:
            answer = condition.holds(frame.figures, medians)
            if not answer.holds:
                rejected[id(frame)] = f"{answer.text}."
    if best.strip():
        left = [frame for frame in there if id(frame) not in rejected]
        count = _count(best, len(left))
        ranked = sorted(left, key=lambda frame: (worth(frame) is None, -(worth(frame) or 0.0), frame.when))
        for place, frame in enumerate(ranked[count:], count + 1):
            part = worth(frame)
            what = "what it is worth is not known" if part is None else f"{part:.0%} of its exposure is worth something"
            rejected[id(frame)] = f"It is number {place} of {len(left)} by worth, of which {count} are kept: {what}."
    return [
        Choice(frame=frame, kept=id(frame) not in rejected, reason=rejected.get(id(frame), "")) for frame in frames
    ]  # fmt: skip


def worth(frame: Seen) -> float | None:
    """Give which part of its exposure a frame is worth, so that long and short ones compare; None: not known.

    It is `effective_s` by the exposure: the light that came, the noise of the sky and the area of a star, each against
    the field's usual one.
    """
    effective_s = frame.figures.effective_s
    return effective_s / frame.exposure_s if effective_s is not None and frame.exposure_s > 0 else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and value == value]  # noqa: PLR0124 -- not a number
    return median(known) if known else None


def _count(best: str, of: int) -> int:
    """Read how many frames are wanted: a share is rounded up, so that some are left of a few."""
    text = best.strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    if text.endswith("%") and 0 < number <= 100:
        return -int(-number * of // 100)
    if not text.endswith("%") and number >= 1 and number.is_integer():
        return min(of, int(number))
    raise ExpressionError(f"{best!r} is no share of the frames: write 80% (of all), or 40 (frames)")
