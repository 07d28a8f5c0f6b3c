"""Which names are frames, and which name a frame's output gets: pure functions over paths."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arwatch.settings import Output

NAME_MAX = 255
"""Bytes in a file name on every file system that matters."""
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


def output_path(source: Path, root: Path, output: Output, taken: Callable[[Path], bool]) -> Path:
    """Give the output's place for a frame: `DSC00001.ARW` -> `DSC00001.bkg_subtracted.fits`.

    Parameters
    ----------
    source : Path
        The frame.
    root : Path
        The watched folder it was found under; below `output.folder` the tree under it is kept.
    output : Output
        The settings' section.
    taken : callable
        Whether another frame owns this output (`a.ARW` beside `a.arw`; two cameras, one output folder): then
        a few letters that depend on the frame's path tell them apart.
    """
    folder = source.parent
    if output.folder:
        below = folder.relative_to(root) if folder.is_relative_to(root) else Path()
        folder = Path(output.folder).expanduser().absolute() / below
    ending = output.suffix + (".fz" if output.compress else "")
    mark = "~" + hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    plain = folder / (source.stem + ending)
    if len(os.fsencode(plain.name)) <= NAME_MAX and not taken(plain):
        return plain
    stem = os.fsencode(source.stem)[: NAME_MAX - len(os.fsencode(mark + ending))]
    return folder / (os.fsdecode(stem) + mark + ending)
