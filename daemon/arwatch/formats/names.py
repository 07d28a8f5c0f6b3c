"""Which names are frames."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPORARY_ENDINGS = (".tmp", ".part", ".partial", ".crdownload", ".filepart")


def is_frame(name: str, patterns: Sequence[str], suffix: str) -> bool:
    """Whether a file of this name is to be taken: patterns match without case.

    Hidden names (rsync and Syncthing write to them), copy tools' temporary names and arwatch's own outputs
    are never frames.
    """
    lower = name.lower()
    if lower.startswith((".", "~")) or lower.endswith((*TEMPORARY_ENDINGS, suffix.lower(), f"{suffix.lower()}.fz")):
        return False
    return any(fnmatch.fnmatchcase(lower, pattern.lower()) for pattern in patterns)
