"""A whole night before a simulated camera, what happens in it, and how one of its frames is exposed: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arwatch.simulate.scene import Bands

KINDS = {
    "clouds": "clouds",
    "cirrus": "clouds",
    "patches": "clouds",
    "dew": "dew",
    "defocus": "defocus",
    "drift": "drift",
    "wind": "wind",
    "stray_light": "stray_light",
    "cap_on": "cap_on",
    "obstruction": "obstruction",
    "moon": "moon",
    "twilight": "twilight",
}
"""What may happen -> the cause that `arwatch night` should tell; the last three go on to the night's end."""
FOR_GOOD = ("obstruction", "moon", "twilight")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens to a night's frames."""

    kind: str
    """A key of `KINDS`."""
    onset: int
    """Index of the first frame that it changes, from 0."""
    end: int
    """Index of the first frame that is well again."""
    rise: float = 1.0
    """Frames until it has its full strength."""
    strength: float = 1.0
    """What that is, see `arwatch.simulate.nights.events`."""
    angle: float = 0.0
    """Where it comes from or moves to, degrees from +x towards +y."""
    seed: int = 0
    """Of what is random in it."""

    @property
    def cause(self) -> str:
        """What `arwatch night` should call it."""
        return KINDS[self.kind]

    def part(self, index: int) -> float:
        """Give how much of its strength it has in a frame, 0 to 1."""
        if not self.onset <= index < self.end:
            return 0.0
        return min(1.0, (index - self.onset + 1) / self.rise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night; all of its frames follow from it and their index."""

    seed: int
    frames: int
    height: int = 600
    """Pixels."""
    width: int = 900
    begin: datetime
    """Of the first exposure, with its distance from UTC."""
    exposure_s: float
    pause_s: float
    """From the end of an exposure to the next one."""
    fwhm_px: float
    """Usual size of the stars in green."""
    beta: float
    """Moffat's exponent of their wings."""
    sky: float
    """Green sky of a dark night, ADU a second."""
    stars: int
    """In the frame and around it, per frame."""
    dither_every: int
    """Frames."""
    flip: int | None
    """Index of the first frame beyond the meridian; None: there is none."""
    declination_deg: float
    """Of the field."""
    meridian_h: float
    """When it culminates, hours after `begin`."""
    events: tuple[Event, ...] = ()

    @property
    def cadence_s(self) -> float:
        """Seconds from frame to frame."""
        return self.exposure_s + self.pause_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A small cloud in the frame: it takes light as a Gaussian bell does; lengths in parts of the frame's width."""

    x: float
    y: float
    size: float
    depth: float
    """Part of the light that it takes in its middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How one frame of a night is exposed."""

    index: int
    taken: datetime
    airmass: float
    sun_deg: float
    moon_deg: float
    moon_part: float
    light: float
    """Part of the stars' light that comes through air, grey clouds and optics; 1 outside of the air."""
    fwhm: Bands
    """Size of the stars by air and optics in focus, pixels."""
    dx: float
    """Pixels from the field's middle to the frame's, positive as the stars move on the sensor."""
    dy: float
    rotation_deg: float
    """From +x towards +y about the frame's middle; 180 after a meridian flip."""
    sky: Bands
    """In the middle of the frame, ADU a second."""
    gradient: tuple[float, float]
    """Relative rise of the sky over the whole (height, width)."""
    ring_px: float = 0.0
    """Outer diameter of the pupil that a star becomes out of focus; its hole is 0.4 of it."""
    halo: float = 0.0
    """Part of the light that is scattered some pixels about each star."""
    trail_px: float = 0.0
    """By which the field moves during the exposure."""
    trail_deg: float = 0.0
    patches: tuple[Patch, ...] = ()
    stray: float = 0.0
    """Light from beside, where it is median, ADU a second."""
    stray_deg: float = 0.0
    """Where it comes from."""
    covered: float = 0.0
    """Part of the frame that something stands before."""
    covered_deg: float = 0.0
    """From where, a multiple of 90."""
    capped: bool = False
    streaks: int = 0
    """Satellites."""
