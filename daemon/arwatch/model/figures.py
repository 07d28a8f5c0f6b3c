"""What is known of a frame, figure by figure: one value from which log, ledger, FITS cards, status and tables follow.

A new figure is a new field here, and the stage of `process` that fills it in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Self, TypeAlias, get_type_hints

Value: TypeAlias = float | int | str


class Meaning(NamedTuple):
    """What a figure is, for all that show or keep it."""

    unit: str
    """As FITS writes units; empty for counts and texts."""
    digits: int
    """Decimals that are kept; more are noise."""
    text: str
    """What it says."""
    card: str = ""
    """Its FITS keyword; empty: it has no card."""
    console: str = ""
    """How a line for people shows it, such as `R {:.0f}`; empty: it does not."""
    status: bool = False
    """Whether the one line of status shows it, too."""
    spare: int = 0
    """0: a line for people always shows it. Else only where there is room; of several, that with the least number."""
    readable: Callable[[Any], object] | None = None
    """Turns the value into what `console` formats; None: the value is that."""

    def show(self, value: Value) -> str:
        """Give the value as a line for people has it."""
        return self.console.format(self.readable(value) if self.readable else value)


def _figure(unit: str, digits: int, text: str, **more: Any) -> Any:  # the field's own annotation tells its type
    return dataclasses.field(default=None, metadata={"meaning": Meaning(unit, digits, text, **more)})


def _local(taken: str) -> datetime:
    """Read a time as clocks here show it; one without a distance from UTC is what the camera's clock showed."""
    when = datetime.fromisoformat(taken)
    return when.astimezone() if when.tzinfo else when


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one frame; what is unknown is None, never 0."""

    taken: str | None = _figure(
        "", 0, "start of the exposure, ISO 8601; without a distance from UTC: camera clock",
        console=" {:%H:%M:%S}", spare=6, readable=_local,
    )  # fmt: skip
    exposure_s: float | None = _figure("s", 6, "Exposure time (in seconds)", card="EXPTIME", console=" {:g}s", spare=4)
    iso: int | None = _figure("", 0, "ISO sensitivity", card="ISOSPEED", console=" ISO{}", spare=5)
    black_level: int | None = _figure("adu", 0, "the camera's black level", card="BLKLEVEL")
    red_level: float | None = _figure("adu", 4, "median sky level", card="SKY_R", console=" R {:.0f}", status=True)
    red_noise: float | None = _figure("adu", 4, "median sky noise", card="SKYSIG_R", console="±{:.0f}")
    green_level: float | None = _figure("adu", 4, "median sky level", card="SKY_G", console=" G {:.0f}", status=True)
    green_noise: float | None = _figure("adu", 4, "median sky noise", card="SKYSIG_G", console="±{:.0f}")
    blue_level: float | None = _figure("adu", 4, "median sky level", card="SKY_B", console=" B {:.0f}", status=True)
    blue_noise: float | None = _figure("adu", 4, "median sky noise", card="SKYSIG_B", console="±{:.0f}")
    sky_model: str | None = _figure(
        "", 0, "what was subtracted, where not the method was asked for: smooth, or mesh in its place", card="BKGMODEL"
    )
    sky_used: float | None = _figure("%", 1, "part of the frame found to be sky", card="BKGUSED")
    sky_residual: float | None = _figure("%", 3, "deviation of the sky from the surface", card="BKGRESID")
    sky_spread: float | None = _figure("%", 3, "difference of fits that explain the frame alike", card="BKGSPRED")
    sky_doubt: str | None = _figure(
        "", 0, "what speaks against the smooth surface", card="BKGDOUBT", console=" sky unsure"
    )
    red_fwhm_px: float | None = _figure("pixel", 3, "star size (FWHM), red", card="FWHM_R")
    green_fwhm_px: float | None = _figure(
        "pixel", 3, "star size (FWHM), green", card="FWHM_G", console=" {:.1f}px", spare=1
    )
    blue_fwhm_px: float | None = _figure("pixel", 3, "star size (FWHM), blue", card="FWHM_B")
    green_fwhm_error_px: float | None = _figure("pixel", 3, "standard error of the star size, green", card="FWHMERR")
    fwhm_arcsec: float | None = _figure("arcsec", 3, "star size (FWHM) in the sky, green", card="FWHM_SKY")
    hfd_px: float | None = _figure("pixel", 3, "diameter that holds half of a star's light", card="HFD")
    axis_ratio: float | None = _figure("", 4, "stars' short axis by their long one; 1: round", card="AXRATIO")
    angle_deg: float | None = _figure("deg", 2, "stars' long axis, from +x towards +y", card="AXANGLE")
    coherence: float | None = _figure("", 3, "how alike the stars' axes lie: 0 not, 1 all the same", card="AXCOHER")
    red_stars: int | None = _figure("", 0, "stars seen in red", card="STARS_R")
    green_stars: int | None = _figure("", 0, "stars seen in green", card="STARS_G", console=" {}*", spare=3)
    blue_stars: int | None = _figure("", 0, "stars seen in blue", card="STARS_B")
    saturated_stars: int | None = _figure("", 0, "saturated stars", card="STARSSAT")
    streaks: int | None = _figure("", 0, "streaks of satellites and meteors", card="STREAKS")
    red_pixel_noise: float | None = _figure("adu", 4, "noise of a sample, red", card="PIXSIG_R")
    green_pixel_noise: float | None = _figure("adu", 4, "noise of a sample, green", card="PIXSIG_G")
    blue_pixel_noise: float | None = _figure("adu", 4, "noise of a sample, blue", card="PIXSIG_B")
    concentration: float | None = _figure("", 4, "stars' light within 1.5 pixels, of that within 7", card="CONCENTR")
    field: str | None = _figure("", 0, "token of the star field", card="FIELDREF")
    dx_px: float | None = _figure("pixel", 3, "the field's move in x since its first frame", card="SHIFT_X")
    dy_px: float | None = _figure("pixel", 3, "the field's move in y since its first frame", card="SHIFT_Y")
    rotation_deg: float | None = _figure("deg", 4, "the field's turn from +x to +y since then", card="FIELDROT")
    matched: int | None = _figure("", 0, "stars found again of the field's", card="MATCHED")
    transparency: float | None = _figure(
        "", 4, "light of the stars, part of the field's usual", card="TRANSPAR", console=" {:.0%}", spare=2
    )
    effective_s: float | None = _figure("s", 3, "exposure in the field's usual sky worth as much", card="EXPEFF")
    sun_deg: float | None = _figure("deg", 2, "the Sun's altitude", card="SUNALT")
    moon_deg: float | None = _figure("deg", 2, "the Moon's altitude", card="MOONALT")
    moon_part: float | None = _figure("", 3, "lit part of the Moon", card="MOONFRAC")
    sky_rim: float | None = _figure("%", 3, "edges against the middle, after the mesh", card="BKGRIM")
    sky_rim_noise: float | None = _figure("%", 3, "noise of a box, as BKGRIM", card="BKGRIMN")
    decode_s: float | None = _figure("s", 3, "time to decode the frame")
    subtract_s: float | None = _figure("s", 3, "time to find the sky; it is taken off while the file is written")
    measure_s: float | None = _figure("s", 3, "time to measure the stars")
    write_s: float | None = _figure("s", 3, "time to write the output")
    preview_s: float | None = _figure("s", 3, "time to make the preview")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the figures out of a mapping by name; what it holds beside them is left out."""
        return cls(**{name: values[name] for name in MEANINGS if values.get(name) is not None})

    def known(self) -> dict[str, Value]:
        """Give what is known, by name, rounded to the digits that mean something."""
        values = ((name, getattr(self, name), meaning.digits) for name, meaning in MEANINGS.items())
        return {
            name: round(value, digits) if isinstance(value, float) else value
            for name, value, digits in values
            if value is not None
        }

    @property
    def dark_rim(self) -> float | None:
        """How much darker than the middle the default model left the edges, % of the sky.

        None: it did not, or not by more than the noise of a box; or nobody knows.
        """
        if self.sky_rim is None or self.sky_rim_noise is None or self.sky_model is not None:
            return None
        return -self.sky_rim if self.sky_rim < -self.sky_rim_noise else None

    @property
    def work_s(self) -> float:
        """Seconds of work that are known."""
        stages = self.decode_s, self.subtract_s, self.measure_s, self.write_s, self.preview_s
        return sum(value or 0.0 for value in stages)


MEANINGS: dict[str, Meaning] = {part.name: part.metadata["meaning"] for part in fields(Figures)}
"""Name of each figure -> what it is, in their order."""


def _kinds(hint: Any) -> frozenset[type]:
    kinds = set(hint.__args__) - {type(None)}
    return frozenset(kinds | {int} if float in kinds else kinds)


KINDS: dict[str, frozenset[type]] = {name: _kinds(hint) for name, hint in get_type_hints(Figures).items()}
"""Name of each figure -> the types that its values may have; a whole number is a number, too."""


def line(figures: Figures, *, status: bool = False, room: int = 0) -> str:
    """Show in a few words what people look at: `R 812±9 G 1404±12 B 963±10`.

    Parameters
    ----------
    figures : Figures
        Those that are unknown are left out.
    status : bool
        Even less, for the one line of `systemctl status`.
    room : int
        Columns there are. Figures that can be spared are shown as far as they fit: `120s ISO1600 R 812±9 ...`.
    """
    parts = {
        name: meaning.show(value)
        for name, meaning in MEANINGS.items()
        if meaning.console and (meaning.status or not status) and (value := getattr(figures, name)) is not None
    }
    shown = {name for name in parts if not MEANINGS[name].spare}
    room += 1 - sum(len(parts[name]) for name in shown)  # the first blank is not shown
    for name in sorted(parts.keys() - shown, key=lambda name: MEANINGS[name].spare):
        if len(parts[name]) <= room:
            shown.add(name)
            room -= len(parts[name])
    return "".join(text for name, text in parts.items() if name in shown).strip()
