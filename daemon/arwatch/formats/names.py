"""Which file names are those of frames."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPORARY_ENDINGS = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
"""Endings of files that copy tools and browsers have not finished; in lower case."""


def is_frame(name: str, patterns: Sequence[str], suffix: str) -> bool:
    """Tell whether a file of this name is a frame.

    It is one if it matches any of the patterns, upper and lower case alike. Hidden names (rsync and Syncthing
    write to them), temporary names of copy tools and arwatch's own outputs are never frames.

    Parameters
    ----------
    name
        The file's name without folder.
    patterns
        Shell patterns, such as `*.arw`.
    suffix
        The ending of outputs, such as `.bkg_subtracted.fits`; one with `.fz` behind it is an output too.
    """
    lower = name.lower()
    if lower.startswith((".", "~")) or lower.endswith((*TEMPORARY_ENDINGS, suffix.lower(), f"{suffix.lower()}.fz")):
        return False
    return any(fnmatch.fnmatchcase(lower, pattern.lower()) for pattern in patterns)
