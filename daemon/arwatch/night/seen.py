"""One frame of a night, as its readers have it from the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from arwatch.model.figures import Figures

if TYPE_CHECKING:
    from pathlib import Path

Map: TypeAlias = Iterable[Iterable[float]]
"""Rows of cells; NaN where nothing is known. An array is one, too."""


class Cells(Protocol):
    """Coarse maps of a frame, a few rows of a few cells, all of the same shape."""

    @property
    def fwhm_px(self) -> Map:
        """Star size, pixels."""

    @property
    def sky(self) -> Map:
        """Sky above black, ADU per second; ADU where the exposure is not known."""

    @property
    def transparency(self) -> Map:
        """The stars' light, part of the field's usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of one frame when its night is looked at."""

    number: int
    """Of its record in the ledger."""
    path: Path
    when: float
    """Start of the exposure, else when it was recorded; seconds since 1970. See `on_camera_clock`."""
    on_camera_clock: bool = False
    """`when` counts on the camera's clock, whose distance from UTC is not known."""
    state: str = "written"
    """How its life ended, as the ledger has it: `written`, `skipped`, `failed`, `gone`."""
    code: str | None = None
    """Of a failure."""
    figures: Figures = field(default_factory=Figures)
    cells: Cells | None = None

    @classmethod
    def of(
        cls,
        number: int,
        path: Path,
        recorded: float,
        figures: Figures,
        *,
        state: str = "written",
        code: str | None = None,
        cells: Cells | None = None,
    ) -> Self:
        """Make one of a ledger's record; where the exposure's time is not known, `recorded` is its time."""
        when, on_camera_clock = _time(figures.taken)
        return cls(
            number=number,
            path=path,
            when=recorded if when is None else when,
            on_camera_clock=on_camera_clock,
            state=state,
            code=code,
            figures=figures,
            cells=cells,
        )

    @property
    def exposure_s(self) -> float:
        """Seconds of exposure; 0 where unknown."""
        seconds = self.figures.exposure_s
        return seconds if seconds is not None and 0 < seconds < math.inf else 0.0


def _time(taken: str | None) -> tuple[float | None, bool]:
    """Read a time in ISO 8601; whether it is one of the camera's clock, which knows no zone."""
    try:
        when = datetime.fromisoformat(taken or "")
        if when.tzinfo is None:
            return when.replace(tzinfo=UTC).timestamp(), True
        return when.timestamp(), False
    except (ValueError, OverflowError):
        return None, False
