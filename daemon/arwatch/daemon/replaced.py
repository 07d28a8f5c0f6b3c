"""Files that took another one's name, though size and time are the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.platform.fs import is_absent, look_closely

if TYPE_CHECKING:
    from arwatch.model.job import Look
    from arwatch.platform.fs import Marks

SCANS = 3
"""A disk that fails hides files now and then: they are forgotten when it says that they have gone, or after so many."""


class Replaced:
    """The last look at each file of a folder, and which files were replaced since."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Look, Marks, int]] = {}
        """Name -> the last look, and during which scan that was or after which one."""
        self._scan = 0
        self._replaced: set[str] = set()

    def look(self, path: Path) -> Look | None:
        """Look at a file as `platform.fs.look` does, and compare it with the last look."""
        name = str(path)
        found = look_closely(path)
        if found is None:
            return None
        before = self._known.get(name)
        self._known[name] = *found, self._scan
        if before is not None and before[0] == found[0] and found[1].is_another_file(before[1]):
            self._replaced.add(name)
        return found[0]

    def has_gone(self, path: Path) -> bool:
        """Forget a file that surely is not there any more; gives whether it was known."""
        name = str(path)
        if name not in self._known or not is_absent(path):
            return False
        del self._known[name]
        self._replaced.discard(name)
        return True

    def take(self, path: Path) -> bool:
        """Whether a file was replaced since this was last asked."""
        replaced = str(path) in self._replaced
        self._replaced.discard(str(path))
        return replaced

    def begin_scan(self) -> None:
        """Take note from now on which files are there; forget those that `SCANS` scans have not seen."""
        self._scan += 1
        for name in [name for name, (_, _, scan) in self._known.items() if scan < self._scan - SCANS]:
            del self._known[name]

    def missed(self) -> list[Path]:
        """Give the files that were not seen since the scan began: they have gone, or the disk fails."""
        return [Path(name) for name, (_, _, scan) in self._known.items() if scan != self._scan]
