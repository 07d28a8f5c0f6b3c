"""What a worker does with one frame: read it, subtract its sky, write its FITS. Facts come back, nothing is logged."""

from __future__ import annotations

import errno
import hashlib
import time
from typing import TYPE_CHECKING

from arwatch import formats
from arwatch.errors import FrameError, NoSkyError, WriteError
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Failed, Outcome, Skipped, Sky, Unsettled, Written
from arwatch.output import fits
from arwatch.output.publish import make_folder
from arwatch.platform.fs import look
from arwatch.settings.recipe import recipe
from arwatch.sky import fit_sky, kernels_cached, warm_up

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.sky import BandModel

FINGERPRINT = 32
"""Hexadecimal digits of the source's SHA-256 that tell frames apart."""

__all__ = ["is_warm", "process", "warm_up"]


def is_warm() -> bool:
    """Whether the compiled kernels are in the cache."""
    return kernels_cached()


def process(job: Job) -> Outcome:
    """Turn a frame into a FITS file; whatever goes wrong becomes part of the outcome."""
    try:
        return _done_before(job) or _process(job)
    except (FrameError, OSError, MemoryError) as error:
        if not _unchanged(job.source):
            return Unsettled(reason="the file changed or vanished while it was read")
        return _failed(error)
    except Exception as error:
        return Failed(code="internal", reason=f"internal error, please report it: {error!r}", retriable=False)


def _failed(error: FrameError | OSError | MemoryError) -> Failed:
    if isinstance(error, FrameError):
        return Failed(code=error.code, reason=str(error), retriable=error.retriable)
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        reason = "the frame needs more memory than a worker may use: raise [workers] memory_mib"
        return Failed(code="memory", reason=reason, retriable=True)
    return Failed(code="read", reason=f"the file system failed: {error.strerror or error}", retriable=True)


def _done_before(job: Job) -> Outcome | None:
    """Whether there is nothing to do: the output reads back, and was made from these bytes with these settings."""
    if not _unchanged(job.source):
        return Unsettled(reason="the file changed before it was read")
    made = None if job.force else fits.provenance(job.output)
    if made is None or (made.size, made.recipe) != (job.source.size, recipe(job.settings)):
        return None
    if made.mtime_ns == job.source.mtime_ns:
        return Skipped(output=job.output, reason="the output is up to date")
    if made.fingerprint == _sha256(job.source.path)[:FINGERPRINT]:
        return Skipped(output=job.output, reason="the frame was touched, but is the same")
    return None


def _process(job: Job) -> Outcome:
    source, settings = job.source, job.settings
    began = time.perf_counter()
    digest = _sha256(source.path)
    frame = formats.read(source.path)
    if not _unchanged(source):
        return Unsettled(reason="the file changed while it was read")
    decoded = time.perf_counter()
    try:
        sky, mosaic = fit_sky(frame.mosaic, frame.colors, settings.background, threads=job.threads)
    except ValueError as error:
        raise NoSkyError(f"the sky cannot be measured: {error}") from error
    subtracted = time.perf_counter()
    origin = fits.Origin(
        path=source.path,
        size=source.size,
        mtime_ns=source.mtime_ns,
        fingerprint=digest[:FINGERPRINT],
        sha256=digest if settings.output.sha256 else None,
    )
    if settings.output.folder:
        make_folder(job.output, within=job.root)
    size = fits.write(job.output, frame, sky, mosaic, source=origin, settings=settings, within=job.root)
    if fits.provenance(job.output) is None:
        raise WriteError(f"{job.output.name} does not read back as it was written: check the disk")
    return Written(
        output=job.output,
        size=size,
        red=_sky(sky.red),
        green=_sky(sky.green),
        blue=_sky(sky.blue),
        decode_s=decoded - began,
        subtract_s=subtracted - decoded,
        write_s=time.perf_counter() - subtracted,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unchanged(source: Source) -> bool:
    return look(source.path) == (source.size, source.mtime_ns)


def _sky(band: BandModel) -> Sky:
    return Sky(level=band.level, noise=band.noise)
