"""What a worker does with one frame: the stages, one after the other. Values come back, nothing is logged."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from arwatch.errors import FailureCode, FrameError
from arwatch.model.figures import Figures
from arwatch.model.outcome import Failed, Outcome, Skipped, Unsettled, Written
from arwatch.output import fits
from arwatch.platform.fs import look
from arwatch.process.decode import decode, sha256
from arwatch.process.stages import is_current
from arwatch.process.subtract import subtract
from arwatch.process.write import FINGERPRINT, write
from arwatch.sky import kernels_cached, warm_up

if TYPE_CHECKING:
    from arwatch.model.job import Job, Source

__all__ = ["is_warm", "process", "warm_up"]


def is_warm() -> bool:
    """Whether the compiled kernels are in the cache."""
    return kernels_cached()


def process(job: Job) -> Outcome:
    """Turn a frame into a FITS file; whatever goes wrong becomes part of the outcome."""
    try:
        return _done_before(job) or _run_stages(job)
    except (FrameError, OSError, MemoryError) as error:
        if not _unchanged(job.source):
            return Unsettled(reason="the file changed or vanished while it was read")
        return _failed(error)
    except Exception as error:
        return Failed(code=FailureCode.INTERNAL, reason=f"internal error, please report it: {error!r}")


def _run_stages(job: Job) -> Outcome:
    clock = _Stopwatch()
    decoded = decode(job)
    if not _unchanged(job.source):
        return Unsettled(reason="the file changed while it was read")
    decode_s = clock.lap()
    subtracted = subtract(decoded.frame, job)
    subtract_s = clock.lap()
    figures = Figures.of(decoded.figures.known() | subtracted.figures.known())
    size = write(job, decoded, subtracted, figures)
    figures = replace(figures, decode_s=decode_s, subtract_s=subtract_s, write_s=clock.lap())
    return Written(output=job.output, size=size, figures=figures)


def _done_before(job: Job) -> Outcome | None:
    """Whether there is nothing to do: the output reads back, and was made from these bytes with these settings."""
    if not _unchanged(job.source):
        return Unsettled(reason="the file changed before it was read")
    made = None if job.force else fits.provenance(job.output)
    if made is None or made.size != job.source.size or not is_current(made.recipe, job.settings):
        return None
    if made.mtime_ns == job.source.mtime_ns:
        reason = "the output is up to date"
    elif made.fingerprint == sha256(job.source.path)[:FINGERPRINT]:
        reason = "the frame was touched, but is the same"
    else:
        return None
    return Skipped(output=job.output, size=made.length, reason=reason, figures=made.figures)


def _failed(error: FrameError | OSError | MemoryError) -> Failed:
    if isinstance(error, FrameError):
        return Failed(code=error.code, reason=str(error))
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        reason = "the frame needs more memory than a worker may use: raise [workers] memory_mib"
        return Failed(code=FailureCode.MEMORY, reason=reason)
    return Failed(code=FailureCode.READ, reason=f"the file system failed: {error.strerror or error}")


def _unchanged(source: Source) -> bool:
    return look(source.path) == (source.size, source.mtime_ns)


class _Stopwatch:
    """Seconds since the last lap."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        before, self._since = self._since, time.perf_counter()
        return self._since - before
