"""Which name a frame's output gets: pure functions over paths."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from arwatch.settings import Output

NAME_MAX = 255
"""Bytes in a file name on every file system that matters."""


def root_of(source: Path, roots: Sequence[Path]) -> Path:
    """Give the deepest of some folders that a frame lies below; its own folder where it lies below none."""
    above = [root for root in roots if source.is_relative_to(root)]
    return max(above, key=lambda root: len(root.parts), default=source.parent)


def output_root(output: Output, root: Path) -> Path:
    """Give the folder that the outputs of frames under `root` must not leave."""
    return Path(output.folder).expanduser().absolute() if output.folder else root


def output_folder(source: Path, root: Path, output: Output) -> Path:
    """Give the folder of a frame's output: the frame's own, or below `output.folder` the tree under `root`."""
    if not output.folder:
        return source.parent
    below = source.parent.relative_to(root) if source.is_relative_to(root) else Path()
    return output_root(output, root) / below


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
    folder = output_folder(source, root, output)
    ending = output.suffix + (".fz" if output.compress else "")
    mark = "~" + hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    plain = folder / (source.stem + ending)
    if len(os.fsencode(plain.name)) <= NAME_MAX and not taken(plain):
        return plain
    stem = os.fsencode(source.stem)[: NAME_MAX - len(os.fsencode(mark + ending))]
    return folder / (os.fsdecode(stem) + mark + ending)
