"""Which folders cannot be used now, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arwatch.daemon.looker import STATE_S
from arwatch.telling.text import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from arwatch.daemon.report import Report

STALLED_S = 10.0
"""A file system that has not answered for so long is told as stalled."""


@dataclass(slots=True)
class Trouble:
    """What is wrong with folders; each may be in several of these sets."""

    missing: set[Path] = field(default_factory=set)
    """They are not there, or may not be read."""
    unwritable: set[Path] = field(default_factory=set)
    """No output can be written there."""
    stalled: set[Path] = field(default_factory=set)
    """Their file system does not answer."""
    returning: set[Path] = field(default_factory=set)
    """They were told as missing: that they are there again is told, too."""

    def writable(self, folder: Path, why_not: str | None, report: Report) -> bool:
        """Tell that outputs can be written to a folder (None) or why not; gives whether they can again."""
        if why_not is not None:
            self.unwritable.add(folder)
            report.log("output.blocked", folder=str(folder), reason=f"{why_not}; frames wait until then")
        elif folder in self.unwritable:
            self.unwritable.discard(folder)
            report.log("output.resumed", folder=str(folder))
            return True
        return False

    def silent(self, folder: Path, silent_s: float, report: Report) -> bool:
        """Tell once that a file system does not answer, and once that it does; gives whether it does again."""
        if silent_s >= STALLED_S and folder not in self.stalled:
            self.stalled.add(folder)
            reason = "its file system does not answer; its frames wait, all others go on"
            report.log("watch.stalled", folder=str(folder), reason=reason)
        elif silent_s < STATE_S and folder in self.stalled:
            self.stalled.discard(folder)
            report.log("watch.returned", folder=str(folder))
            return True
        return False

    def closed(self, outputs: Mapping[Path, Path]) -> list[Path]:
        """Give the watched folders whose frames cannot be worked on; `outputs`: each with its outputs' folder."""
        unreadable = self.missing | self.stalled
        closed = unreadable | self.unwritable
        return [root for root, output in outputs.items() if root in unreadable or output in closed]

    def hanging(self, outputs: Mapping[Path, Path]) -> list[Path]:
        """Give the watched folders that do not answer, or whose outputs' folder does not."""
        return [root for root, output in outputs.items() if self.stalled & {root, output}]

    def words(self) -> list[str]:
        """Say for the status which folders these are, and why in a word or two."""
        missing = self.missing - self.stalled
        blocked = self.unwritable - self.stalled - missing
        kinds = {"missing": missing, "does not answer": self.stalled, "not writable": blocked}
        return [f"{kind}: {_named(folders)}" for kind, folders in kinds.items() if folders]

    def forget(self, folder: Path) -> None:
        """Know nothing of a folder any more."""
        for folders in (self.missing, self.unwritable, self.stalled, self.returning):
            folders.discard(folder)


def _named(folders: Collection[Path]) -> str:
    """Name one folder, and say how many more there are."""
    first, *more = sorted(map(str, folders))
    return shorten(first, 40) + (f" and {len(more)} more" if more else "")
