"""The fourth stage: the subtracted mosaic -> its FITS file, published and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arwatch.errors import WriteError
from arwatch.output import fits
from arwatch.output.publish import make_folder
from arwatch.process.stages import recipe

if TYPE_CHECKING:
    from arwatch.model.figures import Figures
    from arwatch.model.job import Job
    from arwatch.output.ownership import Target
    from arwatch.process.decode import Decoded
    from arwatch.process.subtract import Subtracted

FINGERPRINT = 32
"""Hexadecimal digits of the source's SHA-256 that tell frames apart."""


def write(job: Job, target: Target, decoded: Decoded, subtracted: Subtracted, figures: Figures) -> int:
    """Write a job's output to its target; gives its size in bytes.

    Raises
    ------
    NameTakenError
        The target was to be new, and is no more.
    NoSpaceError, WriteError
        The file system refused, or the file does not read back.
    """
    settings, digest = job.settings, decoded.sha256
    origin = fits.Origin(
        source=job.source,
        fingerprint=digest[:FINGERPRINT],
        sha256=digest if settings.output.sha256 else None,
        recipe=recipe(settings),
    )
    if settings.output.folder:
        make_folder(target.path, within=job.root)
    size = fits.write(
        target.path,
        decoded.frame,
        subtracted.sky,
        subtracted.rows,
        origin=origin,
        figures=figures,
        settings=settings,
        within=job.root,
        new=target.new,
    )
    if fits.provenance(target.path) is None:
        raise WriteError(f"{target.path.name} does not read back as it was written: check the disk")
    return size
