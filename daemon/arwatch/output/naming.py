"""Which name a frame's output gets: pure functions over paths."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def output_names(source: Path, output: Output, *, real: Path | None = None, fingerprint: str = "") -> list[str]:
    """Give the names that a frame's output may get, the wanted one first.

    `DSC00001.ARW` wants `DSC00001.bkg_subtracted.fits`. Where that belongs to another frame (`a.ARW` beside `a.arw`;
    two cameras, one output folder; a camera that counts from the beginning again) eight digits tell them apart, that
    depend on the frame's path, or where that was another frame's, too, on its content.

    Parameters
    ----------
    source : Path
        The frame, as it was found.
    output : Output
        The settings' section.
    real : Path, optional
        The frame without symbolic links and `..`, where that is known.
    fingerprint : str, optional
        Of the frame's content, hexadecimal, where that is known.
    """
    ending = output.suffix + (".fz" if output.compress else "")
    paths = [real or source, source]
    marks = [hashlib.sha256(os.fsencode(path)).hexdigest()[:8] for path in paths] + [fingerprint[:8]]
    plain = source.stem + ending
    names = [plain] if len(os.fsencode(plain)) <= NAME_MAX else []
    for mark in filter(None, dict.fromkeys(marks)):
        marked = f"~{mark}{ending}"
        stem = os.fsencode(source.stem)[: NAME_MAX - len(os.fsencode(marked))]
        names.append(os.fsdecode(stem) + marked)
    return names
