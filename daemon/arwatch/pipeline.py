"""What a worker does with one frame: read it, subtract its sky, write its FITS. Facts come back, nothing is logged."""

from __future__ import annotations

import errno
import hashlib
import time
from typing import TYPE_CHECKING

from arwatch import arw, fitsfile
from arwatch.background import kernels_cached, subtract_background, warm_up
from arwatch.errors import FrameError, NoSkyError
from arwatch.folders import look
from arwatch.outcome import Failed, Job, Outcome, Settled, Skipped, Sky, Unsettled, Written
from arwatch.publish import make_folder
from arwatch.settings import recipe

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.background import BandModel

__all__ = ["is_warm", "process", "warm_up"]


def is_warm() -> bool:
    """Whether the compiled kernels are in the cache."""
    return kernels_cached()


def process(job: Job) -> Outcome:
    """Turn a frame into a FITS file; whatever goes wrong becomes part of the outcome."""
    try:
        return _process(job)
    except FrameError as error:
        return Failed(code=error.code, reason=str(error), retriable=error.retriable)
    except MemoryError:
        return _too_large()
    except OSError as error:
        if error.errno == errno.ENOMEM:
            return _too_large()
        return Failed(code="read", reason=f"the file system failed: {error.strerror or error}", retriable=True)
    except Exception as error:
        return Failed(code="internal", reason=f"internal error, please report it: {error!r}", retriable=False)


def _too_large() -> Failed:
    reason = "the frame needs more memory than a worker may use: raise [workers] memory_mib"
    return Failed(code="memory", reason=reason, retriable=True)


def _process(job: Job) -> Outcome:
    source, settings = job.source, job.settings
    if not _unchanged(source):
        return Unsettled(reason="the file changed before it was read")
    fingerprint = arw.fingerprint(source.path)
    if not job.force and _up_to_date(job, fingerprint):
        return Skipped(output=job.output, reason="the output is up to date")
    began = time.perf_counter()
    try:
        frame = arw.read(source.path)
    except FrameError:
        if _unchanged(source):
            raise
        return Unsettled(reason="the file changed while it was read")
    sha256 = _sha256(source.path) if settings.output.sha256 else None
    if not _unchanged(source):
        return Unsettled(reason="the file changed while it was read")
    decoded = time.perf_counter()
    try:
        subtraction = subtract_background(frame.mosaic, frame.colors, settings.background, threads=job.threads)
    except ValueError as error:
        raise NoSkyError(f"the sky cannot be measured: {error}") from error
    subtracted = time.perf_counter()
    origin = fitsfile.Source(
        path=source.path, size=source.size, mtime_ns=source.mtime_ns, fingerprint=fingerprint, sha256=sha256
    )
    if settings.output.folder:
        make_folder(job.output, within=job.root)
    size = fitsfile.write(job.output, frame, subtraction, origin, settings, within=job.root)
    return Written(
        output=job.output,
        size=size,
        red=_sky(subtraction.red),
        green=_sky(subtraction.green),
        blue=_sky(subtraction.blue),
        decode_s=decoded - began,
        subtract_s=subtracted - decoded,
        write_s=time.perf_counter() - subtracted,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unchanged(source: Settled) -> bool:
    return look(source.path) == (source.size, source.mtime_ns)


def _up_to_date(job: Job, fingerprint: str) -> bool:
    """Whether the output was made from these bytes with these settings, and reads back."""
    made = fitsfile.provenance(job.output)
    return made is not None and made.fingerprint == fingerprint and made.recipe == recipe(job.settings)


def _sky(band: BandModel) -> Sky:
    return Sky(level=band.level, noise=band.noise)
