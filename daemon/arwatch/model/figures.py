"""What is known of a frame, figure by figure: one value from which log, ledger, FITS cards, status and tables follow.

A new figure is a new field here, and the stage of `process` that fills it in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
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
    return field(default=None, metadata={"meaning": Meaning(unit, digits, text, **more)})


def _local(taken: str) -> datetime:
    """Read a time as clocks here show it; one without a distance from UTC is what the camera's clock showed."""
    when = datetime.fromisoformat(taken)
    return when.astimezone() if when.tzinfo else when


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one frame; what is unknown is None, never 0."""

    taken: str | None = _figure(
        "", 0, "start of the exposure, ISO 8601; without a distance from UTC: camera clock",
        console=" {:%H:%M:%S}", spare=3, readable=_local,
    )  # fmt: skip
    exposure_s: float | None = _figure("s", 6, "Exposure time (in seconds)", card="EXPTIME", console=" {:g}s", spare=1)
    iso: int | None = _figure("", 0, "ISO sensitivity", card="ISOSPEED", console=" ISO{}", spare=2)
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
    decode_s: float | None = _figure("s", 3, "time to decode the frame")
    subtract_s: float | None = _figure("s", 3, "time to find the sky; it is taken off while the file is written")
    write_s: float | None = _figure("s", 3, "time to write the output")

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
    def work_s(self) -> float:
        """Seconds of work that are known."""
        return sum(value or 0.0 for value in (self.decode_s, self.subtract_s, self.write_s))


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
