"""Outputs that were made with other settings: they are kept, and told of together."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from arwatch.output.naming import root_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from arwatch.daemon.report import Report


class KeptOutputs:
    """The frames whose outputs are kept, until they are told.

    Parameters
    ----------
    report : Report
        Tells the event.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._frames: set[Path] = set()
        self._asked: set[Path] = set()
        self._gone_through: set[Path] = set()
        self._since = 0.0
        self.counting = True
        """Not all folders were gone through since the start, or since the settings changed."""

    def __len__(self) -> int:
        """How many are known and not told yet."""
        return len(self._frames)

    def count_again(self) -> None:
        """Begin anew: what outputs are held against has changed."""
        self.counting = True
        self._since = time.monotonic()
        self._gone_through.clear()

    def asked(self, frame: Path) -> None:
        """Take note that it is being found out whether a frame has its output."""
        self._asked.add(frame)

    def is_asked(self, frame: Path) -> bool:
        """Whether the answer is not here (yet); where the ledger failed in that moment, it was lost."""
        return frame in self._asked

    def answered(self, frame: Path, *, kept: bool) -> None:
        """Take note of the answer."""
        self._asked.discard(frame)
        if kept:
            self._frames.add(frame)

    def scanned(self, folder: Path, began: float, roots: Sequence[Path]) -> None:
        """Take note that a folder was gone through; a scan that began (monotonic seconds) too early does not count."""
        if began >= self._since:
            self._gone_through.add(folder)
        self.counting = self.counting and not self._gone_through.issuperset(roots)

    def tell(self, roots: Sequence[Path]) -> None:
        """Tell how many there are and which command renews them, if there are any and all are counted."""
        if self.counting or self._asked or not self._frames:
            return
        folders = sorted({str(root_of(frame, roots)) for frame in self._frames})
        command = shlex.join(["arwatch", "process", *folders])
        reason = f"they were made with other settings; renew them with: {command}"
        self._report.log("outputs.kept", frames=len(self._frames), folder=folders, reason=reason)
        self._frames.clear()
