"""Outputs that were made with other settings: they are kept, and told of together."""

from __future__ import annotations

import shlex
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
        self.counting = True
        """A scan that goes over all frames, after a start or with new settings, has not come to its end."""

    def add(self, frame: Path) -> None:
        """Take note of a frame whose output is kept."""
        self._frames.add(frame)

    def scanned(self, roots: Sequence[Path]) -> None:
        """Tell what was found: a scan of the watched folders has come to its end."""
        self.counting = False
        self.tell(roots)

    def tell(self, roots: Sequence[Path]) -> None:
        """Tell how many there are and which command renews them, if there are any and all are counted."""
        if self.counting or not self._frames:
            return
        folders = sorted({str(root_of(frame, roots)) for frame in self._frames})
        command = shlex.join(["arwatch", "process", *folders])
        reason = f"they were made with other settings; renew them with: {command}"
        self._report.log("outputs.kept", frames=len(self._frames), folder=folders, reason=reason)
        self._frames.clear()
