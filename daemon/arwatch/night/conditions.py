"""The conditions of a night: which cause was at work since when, until when, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.night.blur import defocus
from arwatch.night.causes import Cause, Condition
from arwatch.night.dark import blind
from arwatch.night.glow import moonlight, stray_light, twilight
from arwatch.night.guiding import gusts, trailing
from arwatch.night.light import losses
from arwatch.night.signs import signs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arwatch.night.causes import Span
    from arwatch.night.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """Frames in time order, and what they were exposed under."""

    frames: tuple[Seen, ...]
    causes: tuple[Cause, ...]
    """One for each frame: the most serious that it shows."""
    conditions: tuple[Condition, ...]
    """By onset; those of different causes may overlap."""

    @property
    def on_camera_clock(self) -> bool:
        """Whether times count on the camera's clock, whose distance from UTC is not known."""
        return any(frame.on_camera_clock for frame in self.frames)

    @property
    def now(self) -> tuple[Condition, ...]:
        """What goes on, the most serious first."""
        return tuple(sorted((c for c in self.conditions if c.end is None), key=lambda c: _ORDER[c.cause]))


def judge(frames: Sequence[Seen]) -> Night:
    """Say what a night's frames suffered from.

    It is the same function for the frames so far and for a night that is over. What it said of a condition that ended
    does not change when frames are added, but for the last three good frames, which end it.

    Parameters
    ----------
    frames : sequence of Seen
        In time order.
    """
    seen = [signs(frame) for frame in frames]
    blinded = blind(seen)
    lost = losses(seen)
    fading = _range(lost, beside=1)  # a cloud's edge may light the sky before it takes light
    blurred = [span for span in defocus(seen) if not _belongs_to_dew(span, lost)]
    trails = trailing(seen)
    dusk = twilight(seen)
    spans = [
        *blinded,
        *lost,
        *blurred,
        *trails,
        *gusts(seen, _range(trails, beside=1)),
        *dusk,
        *moonlight(seen, fading | _range(dusk)),
        *stray_light(seen, fading | _range(dusk) | _range(blinded)),
    ]
    spans.sort(key=lambda span: (span.onset, _ORDER[span.cause]))
    causes = [Cause.GOOD if sign.stars is not None or sign.fwhm_px else Cause.NO_VERDICT for sign in seen]
    for span in sorted(spans, key=lambda span: -_ORDER[span.cause]):
        for i in span.frames:
            causes[i] = span.cause
    return Night(
        frames=tuple(frames), causes=tuple(causes), conditions=tuple(_condition(span, frames) for span in spans)
    )  # fmt: skip


def _belongs_to_dew(span: Span, lost: Iterable[Span]) -> bool:
    """Whether stars are wide because dew scatters their light."""
    return any(
        other.cause is Cause.DEW and len(span.frames & other.frames) > len(span.frames) / 2 for other in lost
    )  # fmt: skip


def _range(spans: Iterable[Span], beside: int = 0) -> frozenset[int]:
    """Give the frames from the beginning of each span to its end, good ones between included, and so many beside."""
    return frozenset().union(*(range(span.onset - beside, span.last + 1 + beside) for span in spans))


def _condition(span: Span, frames: Sequence[Seen]) -> Condition:
    first, last = frames[span.onset], frames[span.last]
    return Condition(
        cause=span.cause,
        first=first.number,
        last=last.number,
        onset=first.when,
        end=last.when + last.exposure_s if span.ended else None,
        frames=len(span.frames),
        evidence=span.evidence,
    )


_ORDER = {cause: place for place, cause in enumerate(Cause)}
