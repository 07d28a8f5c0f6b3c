"""`arwatch process` beside a daemon: it does not work against it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.commands.owner import hand_over
from arwatch.daemon import lease
from arwatch.errors import ArwatchError
from arwatch.output.naming import output_folder, output_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arwatch.commands.process import Found
    from arwatch.settings import Settings


class WatchedError(ArwatchError):
    """A daemon makes these outputs; the text says who, and what to do."""


def refuse_watched(found: Iterable[Found], settings: Settings, output: Path | None) -> None:
    """Make sure that no daemon watches the frames' folders, unless the outputs go elsewhere.

    Parameters
    ----------
    found
        The frames.
    settings
        As in their file; a daemon that watches recursively is known by these.
    output
        Where the outputs were asked to go; None: where the settings say.

    Raises
    ------
    WatchedError
    """
    for folder in dict.fromkeys(frame.path.parent for frame in found):
        theirs = {folder.resolve()}
        if settings.output.folder:
            theirs.add(output_folder(folder / "any", folder, settings.output).resolve())
        if output is not None and output.resolve() not in theirs:
            continue
        for place in (folder, *(folder.parents if settings.watch.recursive else ())):
            if (watcher := lease.watcher(place)) is not None:
                raise WatchedError(
                    f"{place} is watched by {watcher}, which makes these outputs itself. `--output DIR` writes others"
                    " elsewhere; `arwatch retry` lets it try failed frames again (with sudo for the system's service)"
                )


class NoOutputFolderError(ArwatchError):
    """The settings' folder for outputs is not there."""


def refuse_missing_folder(settings: Settings) -> None:
    """Make sure that the settings' folder for outputs is there: made in place of a disk that is away, it would fill it.

    Raises
    ------
    NoOutputFolderError
    """
    if settings.output.folder and not (folder := output_root(settings.output, Path())).is_dir():
        raise NoOutputFolderError(
            f"[output] folder {folder} is not there: mount its disk, or make it: mkdir -p {shlex.quote(str(folder))}"
        )


class NewFolders:
    """Remembers which folders are made for outputs: root leaves them, and the outputs, to the folders' owners."""

    def __init__(self, found: Sequence[Found], settings: Settings) -> None:
        self._new: set[Path] = set()
        if os.geteuid() == 0:
            for folder in {output_folder(frame.path, frame.root, settings.output) for frame in found}:
                self._new |= {place for place in (folder, *folder.parents) if not place.exists()}

    def hand_over(self, output: Path) -> None:
        """Give an output, and the folders that were made for it, to whom the folders above belong."""
        for place in reversed([output, *(place for place in output.parents if place in self._new)]):
            hand_over(place)
