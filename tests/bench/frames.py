"""Small frames by the thousand, no two alike, and outputs held against the frames that they say they were made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arwatch import formats
from arwatch.errors import FrameError, ReadError
from arwatch.model.frame import Exposure
from arwatch.output import fits
from arwatch.output.naming import output_names
from arwatch.process.write import FINGERPRINT
from arwatch.settings import Output
from arwatch.simulate import Scene, arw_bytes, render

SUFFIX = Output().suffix
FIRST = datetime(2026, 11, 21, 20)  # noqa: DTZ001  a camera's clock knows no zone

Mosaic = NDArray[np.uint16]


@dataclass(frozen=True)
class Shot:
    """A frame as a file."""

    data: bytes
    fingerprint: str
    taken: datetime | None
    """What EXIF says of the exposure's start; None: nothing."""


@dataclass(frozen=True)
class Made:
    """An output, and what is to be said of it."""

    output: Path
    source: Path | None = None
    """The frame that its PATH card names; None: it cannot be read."""
    fingerprint: str = ""
    """Of the content that it says it was made of."""
    fault: Literal["", "half", "wrong"] = ""
    """Half: it does not read back. Wrong: it is not what its cards say, or lies under another frame's name."""


class Frames:
    """All contents that there ever were."""

    def __init__(self) -> None:
        scene = Scene(height=64, width=96, stars=2)
        self._models = [render(scene, number).mosaic for number in range(8)]
        self._numbers: dict[str, int] = {}
        self._others: dict[str, Mosaic] = {}

    def shoot(self, *, timed: bool, taken: datetime | None = None) -> Shot:
        """Take another frame; `timed`: EXIF tells when, `taken` or a second later than the frame before."""
        number = len(self._numbers)
        if timed and taken is None:
            taken = FIRST + timedelta(seconds=number)
        data = arw_bytes(self._mosaic(number), Exposure(taken=taken))
        fingerprint = fingerprint_of(data)
        self._numbers[fingerprint] = number
        return Shot(data, fingerprint, taken)

    def learn(self, path: Path) -> bool:
        """Take note of a file that a power cut left, whatever is in it; gives whether it is a frame that was taken."""
        fingerprint = fingerprint_of(path.read_bytes())
        if fingerprint in self._numbers:
            return True
        with suppress(FrameError):
            self._others[fingerprint] = formats.read(path).mosaic
        return False

    def examine(self, output: Path) -> Made:
        """Restore an output and compare it with its frame, pixel by pixel."""
        made = fits.provenance(output)
        if made is None:
            return Made(output, fault="half")
        try:
            restored = fits.restore(output)
        except ReadError:
            return Made(output, fault="half")
        frame = self._content(made.fingerprint)
        right = (
            frame is not None and np.array_equal(restored, frame) and output.name in names(made.path, made.fingerprint)
        )
        return Made(output, made.path, made.fingerprint, "" if right else "wrong")

    def _content(self, fingerprint: str) -> Mosaic | None:
        number = self._numbers.get(fingerprint)
        return self._others.get(fingerprint) if number is None else self._mosaic(number)

    def _mosaic(self, number: int) -> Mosaic:
        mosaic = self._models[number % len(self._models)].copy()
        mosaic[0, :2] = 500 + number % 1000, 500 + number // 1000
        return mosaic


def fingerprint_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:FINGERPRINT]


def names(source: Path, fingerprint: str) -> Sequence[str]:
    """Give the names that a frame's output may have."""
    return output_names(source, Output(), real=source, fingerprint=fingerprint)


def is_made(folder: Path, source: Path, fingerprint: str) -> bool:
    """Whether a frame's output is in a folder, as far as its cards tell."""
    found = (fits.provenance(folder / name) for name in names(source, fingerprint))
    return any(made is not None and (made.path, made.fingerprint) == (source, fingerprint) for made in found)
