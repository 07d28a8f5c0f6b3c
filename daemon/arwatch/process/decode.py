"""The first stage: the file -> its mosaic, and what the camera says of the exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from arwatch import formats
from arwatch.model.figures import Figures
from arwatch.model.times import start_of

if TYPE_CHECKING:
    from arwatch.model.frame import Frame
    from arwatch.model.job import Job


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """A frame in memory."""

    frame: Frame
    sha256: str
    """Of the file's bytes, hexadecimal."""
    figures: Figures
    """What EXIF tells."""


def decode(job: Job, file: BinaryIO, digest: str) -> Decoded:
    """Decode the copy of a job's file, whose SHA-256 is `digest`.

    Raises
    ------
    FrameError, MemoryError
        It cannot be decoded.
    """
    frame = formats.decode(file)
    exposure = frame.exposure
    taken = start_of(exposure, job.settings.camera)
    figures = Figures(
        taken=taken.isoformat(timespec="milliseconds") if taken else None,
        exposure_s=exposure.exposure_s,
        iso=exposure.iso,
        black_level=frame.black_level,
    )
    return Decoded(frame=frame, sha256=digest, figures=figures)
