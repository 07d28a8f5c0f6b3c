"""Files that took another one's name, though size and time are the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.platform.fs import look_closely

if TYPE_CHECKING:
    from arwatch.model.job import Look
    from arwatch.platform.fs import Marks


class Replaced:
    """The last look at each file of a folder, and which files were replaced since."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Look, Marks]] = {}
        self._seen: set[str] | None = None
        self._replaced: set[str] = set()

    def look(self, path: Path) -> Look | None:
        """Look at a file as `platform.fs.look` does, and compare it with the last look."""
        name = str(path)
        found = look_closely(path)
        if found is None:
            self._known.pop(name, None)
            self._replaced.discard(name)
            return None
        before = self._known.get(name)
        self._known[name] = found
        if self._seen is not None:
            self._seen.add(name)
        if before is not None and before[0] == found[0] and found[1].is_another_file(before[1]):
            self._replaced.add(name)
        return found[0]

    def knows(self, path: Path) -> bool:
        """Whether a file was there when it was looked at last."""
        return str(path) in self._known

    def take(self, path: Path) -> bool:
        """Whether a file was replaced since this was last asked."""
        replaced = str(path) in self._replaced
        self._replaced.discard(str(path))
        return replaced

    def begin_scan(self) -> None:
        """Take note from now on which files are there."""
        self._seen = set()

    def end_scan(self) -> list[Path]:
        """Forget the files that were not seen since the scan began; gives them."""
        seen, self._seen = self._seen, None
        gone = [] if seen is None else [name for name in self._known if name not in seen]
        for name in gone:
            del self._known[name]
        return [Path(name) for name in gone]
