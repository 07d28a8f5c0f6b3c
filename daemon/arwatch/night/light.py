"""What takes the stars' light: clouds, dew on the optics, or something that stands before the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from arwatch.night.causes import Cause, Span
from arwatch.night.cells import Darkened, Patches
from arwatch.night.series import HYSTERESIS, onset
from arwatch.night.signs import concentration_of
from arwatch.night.sinking import SLOW, UsualLight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.night.signs import Signs

_LOSS = 0.1
"""Part of the light whose loss counts where two frames in a row show it: airmass and errors of 2 % stay below."""
_CLEAR_LOSS = 0.2
"""Part of the light whose loss counts in a single frame."""
_ERRORS = 4.0
"""Where the light scatters more than usual, a loss must also be so many times the scatter."""
_UNSURE, _MOST_UNSURE = 0.04, 0.15
"""Part of the light by which it is less sure, each hour and at most, what it would be without the clouds."""
_PAUSE_S = 15 * 60.0
"""After a longer pause a field may have sunk so far that a small loss means nothing."""
_DEW_S = 7 * 60.0
"""Dew takes 10 to 60 minutes, to most of its loss so many at least; what is quicker is a cloud's edge."""
_LOOK_BACK_S = 40 * 60.0
"""So long before it was noticed a loss may have begun."""
_DEW_SHARE = 0.1
"""Dew scatters light close to the star: the core's share falls by at least so much of what the star loses (both as
logarithms), while a cloud leaves it as it is."""
_DEW_CORE, _DEW_CORE_OF_WIDE = 0.95, 0.8
"""And the core keeps less than this of its share: five times the error, or where the stars are wider too, more than a
change of the seeing by 10 %."""


@dataclass(slots=True)
class _Loss:
    """A loss of light that goes on."""

    onset: int
    noticed: int
    before: tuple[int, ...]
    """Good frames before it."""
    hits: list[int] = field(default_factory=list)
    covered: int = 0
    """Hits of which an obstruction is the reason."""
    judged: int = 0
    """Hits of which that could be said."""
    good: list[int] = field(default_factory=list)
    """Good frames since the last hit."""
    darkened: Darkened | None = None


def losses(frames: Sequence[Signs]) -> list[Span]:
    """Find clouds, dew and obstructions."""
    return _Light(frames).spans()


class _Light:
    def __init__(self, frames: Sequence[Signs]) -> None:
        self._frames = frames
        self._usual = UsualLight()
        self._patches = Patches()
        self._known: list[int] = []
        """Frames whose light is known."""
        self._pending: int | None = None
        self._since = 0
        """Where the last loss ended, or the field began."""
        self._field: str | None = None

    def spans(self) -> list[Span]:
        found: list[Span] = []
        loss: _Loss | None = None
        for i, frame in enumerate(self._frames):
            if frame.starlight is None and frame.light_cells is None:
                continue
            if (
                frame.field is not None and frame.field != self._field
            ):  # the light of other stars is measured by a reference of their own
                if loss is not None:
                    found.append(self._span(loss, ended=True))
                    loss = None
                self._field, self._since = frame.field, i
                self._usual, self._pending = UsualLight(), None
            if loss is None and self._was_long_ago(frame) and self._part(frame) < _CLEAR_LOSS:
                self._usual, self._since = UsualLight(), i
                self._usual.add(frame.when, 1.0 if frame.starlight is None else frame.starlight)
            darkened = self._patches.darkened(frame)
            if loss is None:
                loss = self._begin(i, frame, darkened)
                if loss is None:
                    if self._pending is None:
                        self._take_in(i, frame)
                    continue
            if self._goes_on(i, loss, darkened):
                self._known.append(i)
                continue
            found.append(self._span(loss, ended=True))
            self._since = found[-1].last + 1
            if self._frames[loss.good[0]].when - self._frames[loss.onset].when > _PAUSE_S:
                self._usual = UsualLight()
            for k in loss.good:
                self._take_in(k, self._frames[k])
            loss = None
        if loss is not None:
            found.append(self._span(loss, ended=False))
        return found

    def _was_long_ago(self, frame: Signs) -> bool:
        """Whether so much time has gone since the last frame that the field may be elsewhere in the sky."""
        return bool(self._known) and frame.when - self._frames[self._known[-1]].when > _PAUSE_S

    def _take_in(self, i: int, frame: Signs) -> None:
        if frame.starlight is not None:
            self._usual.add(frame.when, frame.starlight)
        self._patches.take_in(frame)
        if not self._known or self._known[-1] < i:
            self._known.append(i)

    def _part(self, frame: Signs) -> float:
        """Give the part of the usual light that is lost."""
        return 0.0 if frame.starlight is None else 1 - frame.starlight / self._usual.at(frame.when)

    def _least(self) -> float:
        return max(_LOSS, _ERRORS * self._usual.jitter())

    def _begin(self, i: int, frame: Signs, darkened: Darkened | None) -> _Loss | None:
        least = self._least()
        lost = self._part(frame)
        clear = lost > max(_CLEAR_LOSS, 2 * least - _LOSS)
        if not clear and lost <= least and darkened is None:
            self._pending = None
            return None
        if not clear and self._pending is None:
            self._pending = i
            return None
        noticed, self._pending = i if self._pending is None else self._pending, None
        loss = self._loss(i, noticed, darkened)
        hours = (frame.when - self._frames[loss.onset].when) / 3600
        return None if not clear and darkened is None and lost < SLOW * hours else loss

    def _loss(self, i: int, noticed: int, darkened: Darkened | None) -> _Loss:
        frames = self._frames
        same = [k for k in self._known if self._since <= k < noticed]
        recent = [k for k in same if frames[k].when > frames[noticed].when - _LOOK_BACK_S]
        same = recent if len(recent) > 12 else same[-12:]
        known = [*same, *(k for k in range(noticed, i + 1) if frames[k].starlight is not None)] or [i]
        lost = [max(-_LOSS / 2, self._part(frames[k])) for k in known]  # more light than usual is no measure
        if darkened is not None and darkened.from_edge and all(frames[k].stars for k in known):
            # the light of the stars that are left tells nothing: their number does
            begin = onset([-float(frames[k].stars or 0) for k in known], min(len(same), len(known) - 1))
        elif max(lost[len(same) :], default=0.0) > _LOSS or darkened is None:
            begin = onset(lost, min(len(same), len(known) - 1))
        else:
            begin = len(same)
        first = known[begin]
        hits = list(range(noticed, i))
        return _Loss(onset=first, noticed=noticed, before=tuple(k for k in same if k < first), hits=hits)

    def _goes_on(self, i: int, loss: _Loss, darkened: Darkened | None) -> bool:
        """Take a frame in; False: the loss has ended."""
        frame = self._frames[i]
        lost = self._part(frame)
        least = self._least()
        hours = (frame.when - self._frames[loss.onset].when) / 3600
        if darkened is not None or lost > least / 2 + min(_UNSURE * hours, _MOST_UNSURE):
            loss.hits.append(i)
            loss.good.clear()
            loss.judged += self._patches.learnt
            loss.covered += darkened is not None and darkened.from_edge
            if darkened is not None and darkened.from_edge:
                loss.darkened = darkened
            return True
        loss.good.append(i)
        return len(loss.good) < HYSTERESIS

    # -- what it is ------------------------------------------------------------------------------------------

    def _span(self, loss: _Loss, *, ended: bool) -> Span:
        cause, evidence = self._explained(loss)
        frames = frozenset(loss.hits) | frozenset(range(loss.onset, loss.noticed))
        return Span(
            cause=cause, onset=loss.onset, last=max(frames), ended=ended, evidence=evidence, frames=frames
        )  # fmt: skip

    def _explained(self, loss: _Loss) -> tuple[Cause, str]:
        if loss.darkened is not None and 2 * loss.covered > loss.judged:
            return Cause.OBSTRUCTION, loss.darkened.sentence()
        lights = {k: light for k in loss.hits if (light := self._frames[k].starlight) is not None}
        if not lights:
            return Cause.CLOUDS, "The stars faded in parts of the frame."
        darkest = min(lights, key=lights.__getitem__)
        part = 1 - self._part(self._frames[darkest])
        minutes = (self._frames[self._fallen(loss, darkest)].when - self._frames[loss.onset].when) / 60
        kept = self._core(loss, darkest)
        text = f"The stars' light fell to {part:.0%} of what it was, most of it within {max(1.0, minutes):.0f} min"
        if self._is_smooth(loss, darkest) and kept is not None and kept[1] > _DEW_SHARE and kept[0] < _DEW_CORE:
            return Cause.DEW, f"{text} and without a jump, and their cores lost another {1 - kept[0]:.0%}."
        if kept is None:
            return Cause.CLOUDS, f"{text}; whether their cores faded more is not known."
        return Cause.CLOUDS, f"{text}, while their cores kept {min(1.0, kept[0]):.0%} of their share."

    def _is_smooth(self, loss: _Loss, darkest: int) -> bool:
        """Whether the light fell as slowly and evenly as dew lets it."""
        frames = self._frames
        way = [
            k
            for k in (*loss.before[-1:], *range(loss.onset, self._fallen(loss, darkest) + 1))
            if frames[k].starlight is not None
        ]
        fallen = self._fallen(loss, darkest)
        if frames[fallen].when - frames[loss.onset].when < _DEW_S or len(way) < 4:
            return False
        lights = [frames[k].starlight or 0.0 for k in way]
        total = max(lights[0], self._usual.at(frames[darkest].when)) - lights[-1]
        error = max(0.02, self._usual.jitter())
        ups = max((b - a for i, a in enumerate(lights) for b in lights[i + 1 :]), default=0.0)
        downs = max(  # what falls while nobody looks is no jump
            (frames[a].starlight or 0.0) - (frames[b].starlight or 0.0)
            for a, b in pairwise(way)
            if frames[b].when - frames[a].when < _PAUSE_S or a == way[0]
        )
        return ups < max(4.5 * error, total / 3) and downs < max(4.5 * error, total / 2)

    def _fallen(self, loss: _Loss, darkest: int) -> int:
        """Give the frame by which most of the light had gone."""
        deep = 0.8 * self._part(self._frames[darkest])
        return next(k for k in range(loss.onset, darkest + 1) if k == darkest or self._part(self._frames[k]) > deep)

    def _core(self, loss: _Loss, darkest: int) -> tuple[float, float] | None:
        """Give what the stars' cores kept of their share, and the share's loss by the light's, as logarithms.

        Seeing changes the share, too: what the stars' width explains is left out, unless the width itself goes with
        the light, as where dew widens the stars.
        """
        frames = self._frames
        deep = [k for k in loss.hits if self._part(frames[k]) > 0.6 * self._part(frames[darkest])]
        deep = [k for k in deep if k <= darkest + 3][-12:]
        shares = {}
        for k in (*loss.before[-20:], *deep):
            frame = frames[k]
            if frame.concentration is not None:
                blur = concentration_of(frame.fwhm_px) if frame.fwhm_px else 1.0
                shares[k] = math.log(frame.concentration), math.log(blur)
        before = [shares[k] for k in loss.before[-20:] if k in shares]
        now = [shares[k] for k in deep if k in shares]
        if not before or not now:
            return None
        light = fmean(math.log(max(0.01, 1 - self._part(frames[k]))) for k in deep if k in shares)
        raw = fmean(share for share, _ in now) - median(share for share, _ in before)
        blur = fmean(width for _, width in now) - median(width for _, width in before)
        wide = math.exp(raw) < _DEW_CORE_OF_WIDE and self._widens_with(loss, darkest)
        change = raw if wide else raw - blur
        return math.exp(change), change / min(light, -0.01)

    def _widens_with(self, loss: _Loss, darkest: int) -> bool:
        """Whether the stars widen as steadily as they fade."""
        frames = self._frames
        way = [*loss.before[-5:], *range(loss.onset, self._fallen(loss, darkest) + 1)]
        pairs = [
            (math.log(f.starlight), math.log(f.fwhm_px)) for f in (frames[k] for k in way) if f.starlight and f.fwhm_px
        ]
        if len(pairs) < 8:
            return False
        mean_light, mean_width = (fmean(column) for column in zip(*pairs, strict=True))
        both = sum((a - mean_light) * (b - mean_width) for a, b in pairs)
        lights = sum((a - mean_light) ** 2 for a, _ in pairs)
        widths = sum((b - mean_width) ** 2 for _, b in pairs)
        return both < -0.7 * (lights * widths) ** 0.5 and both < -0.2 * lights
