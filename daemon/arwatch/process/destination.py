"""Where a frame's output goes, and whether it is there already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.model.outcome import Skipped
from arwatch.output.naming import output_names
from arwatch.output.ownership import Candidate, Identity, Target, ask, choose
from arwatch.process.stages import is_current

if TYPE_CHECKING:
    from arwatch.model.job import Job


def made_before(job: Job, fingerprint: str = "") -> Skipped | None:
    """Give the outcome where nothing is to be done: the frame's output lies under one of its names.

    Parameters
    ----------
    job : Job
        Says what is made again though it is there.
    fingerprint : str
        Of the frame's content. Empty, it is not known yet: path, size and time must tell.

    Raises
    ------
    WriteError
        The file system does not say what lies there.
    """
    if job.replace.current or (job.fresh and not fingerprint):
        return None
    real, look = _real(job), job.source.look
    found = [
        (candidate.path, candidate.made)
        for candidate in _candidates(job, fingerprint)
        if candidate.made
        and (
            candidate.is_of_content(fingerprint)
            if fingerprint
            else candidate.is_of_file(real, look) and not _changed_since(candidate.path, real)
        )
    ]
    for path, made in found:
        if is_current(made.recipe, job.settings):
            touched = fingerprint and made.mtime_ns != look.mtime_ns
            reason = "the frame was touched, but is the same" if touched else "the output is up to date"
            return Skipped(output=path, size=made.length, reason=reason, recipe=made.recipe, figures=made.figures)
    if not found or job.replace.outdated:
        return None
    path, made = found[0]
    reason = "the output was made with other settings and is kept"
    return Skipped(
        output=path, size=made.length, reason=reason, recipe=made.recipe, outdated=True, figures=made.figures
    )


def target_of(job: Job, fingerprint: str, taken: str | None) -> Target:
    """Choose where the output goes, as things are now.

    Parameters
    ----------
    job : Job
        Says what may be replaced.
    fingerprint : str
        Of the frame's content.
    taken : str or None
        Start of its exposure, ISO 8601.

    Raises
    ------
    WriteError
        The file system does not say what lies there, or all names are taken.
    """
    frame = Identity(path=_real(job), fingerprint=fingerprint, taken=taken, fresh=job.fresh)
    return choose(_candidates(job, fingerprint), frame, given_away=job.given_away, overwrite=job.replace.foreign)


def _candidates(job: Job, fingerprint: str) -> list[Candidate]:
    names = output_names(job.source.path, job.settings.output, real=_real(job), fingerprint=fingerprint)
    return [ask(path) for path in dict.fromkeys([job.output, *(job.output.parent / name for name in names)])]


def _changed_since(output: Path, source: Path) -> bool:
    """Whether something was done to the source after the output was written: then only its content tells what it is.

    Another file may have its name, size and time by now; or its mode was changed, which costs one reading.
    """
    try:
        return source.stat().st_ctime_ns > output.stat().st_mtime_ns
    except OSError:
        return True


def _real(job: Job) -> Path:
    return Path(os.path.realpath(job.source.path))
