"""What a worker does with one frame: the stages, one after the other. Values come back, nothing is logged."""

from __future__ import annotations

import errno
import hashlib
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from arwatch import formats
from arwatch.errors import FailureCode, FrameError, NameTakenError
from arwatch.model.figures import Figures
from arwatch.model.outcome import Failed, Measured, Outcome, Unsettled, Written
from arwatch.platform.fs import look, look_closely
from arwatch.process.decode import decode
from arwatch.process.destination import made_before, target_of
from arwatch.process.measure import measure, measure_file
from arwatch.process.preview import preview
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
        return _only_measure(job) if job.only_measure else _run_stages(job)
    except (FrameError, OSError, MemoryError) as error:
        if not _unchanged(job.source):
            return Unsettled(reason="the file changed or vanished while it was read")
        return _failed(error)
    except Exception as error:
        reason = f"internal error, please report it: {error!r}"
        return Failed(code=FailureCode.INTERNAL, reason=reason, evidence=traceback.format_exc())


def _run_stages(job: Job) -> Outcome:
    before = look_closely(job.source.path)
    if before is None or before[0] != job.source.look:
        return Unsettled(reason="the file changed before it was read")
    if (done := made_before(job)) is not None:
        return done
    clock = _Stopwatch()
    with formats.load(job.source.path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        fingerprint = digest[:FINGERPRINT]
        if (done := made_before(job, fingerprint)) is not None:
            return done
        decoded = decode(job, file, digest)
    after = look_closely(job.source.path)
    if after is None or after[0] != before[0] or after[1].is_another_file(before[1]):
        return Unsettled(reason="the file changed while it was read")
    decode_s = clock.lap()
    subtracted = subtract(decoded.frame, job)
    subtract_s = clock.lap()
    measured = measure(decoded.frame, job.settings, job.field, job.threads)
    measure_s = clock.lap()
    figures = Figures.of(decoded.figures.known() | subtracted.figures.known() | measured.figures.known())
    while True:
        target = target_of(job, fingerprint, figures.taken)
        try:
            size = write(job, target, decoded, subtracted, figures)
        except NameTakenError:
            # by another program, or by a worker that found the same frame over another path: then all is done
            if (done := made_before(job, fingerprint)) is not None:
                return done
        else:
            break
    figures = replace(figures, decode_s=decode_s, subtract_s=subtract_s, measure_s=measure_s, write_s=clock.lap())
    # last: whatever a disk or a picture does now, the frame has its output
    previewed = preview(job, decoded.frame, subtracted)
    figures = replace(figures, preview_s=clock.lap())
    old = target.replaces
    renewed = old is not None and old.fingerprint == fingerprint and not is_current(old.recipe, job.settings)
    return Written(
        output=target.path,
        size=size,
        figures=figures,
        sighting=measured.sighting,
        field=measured.field,
        not_measured=measured.failure,
        preview=previewed.path,
        no_preview=previewed.failure,
        renewed=renewed,
        left_alone=target.left_alone,
    )


def _only_measure(job: Job) -> Outcome:
    measured = measure_file(job)
    if measured.failure:
        return Failed(code=FailureCode.INTERNAL, reason=measured.failure)
    return Measured(figures=measured.figures, sighting=measured.sighting, field=measured.field)


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
